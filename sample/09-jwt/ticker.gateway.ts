import { UseGuards } from '@nestjs/common';
import {
  CurrentUser,
  emit,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  SocketGateway,
} from 'nestjs-flask-socket';
import { TokenGuard } from './token.guard.js';
import { Tokens } from './tokens.js';

@SocketGateway()
export class TickerGateway {
  constructor(private readonly tokens: Tokens) {}

  @OnConnect()
  @UseGuards(TokenGuard)
  connect(@CurrentUser() name: string) {
    emit('welcome', { name, expiresAt: request.expiresAt });
  }

  @OnEvent('refresh')
  async refresh(token: unknown) {
    await this.tokens.accept(token);
    return { expiresAt: request.expiresAt };
  }

  @OnEvent('quote')
  quote(@CurrentUser() name: string) {
    return `A quote for ${name}`;
  }

  @OnDisconnect()
  left(reason: string) {
    emit('left', { name: request.user, reason }, { broadcast: true, includeSelf: false }); // 'expired', if it did
  }
}
