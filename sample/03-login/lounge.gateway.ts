import { Injectable, UseGuards, type CanActivate } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { CurrentUser, emit, OnConnect, OnEvent, request, SocketGateway, user } from 'nestjs-flask-socket';
import type { User } from './users.js';

/** The same guard at connect, where it refuses the client, and at each event. */
@Injectable()
class MembersOnly implements CanActivate {
  canActivate() {
    if (!request.user) throw new WsException('Please log in');
    return true;
  }
}

@SocketGateway()
@UseGuards(MembersOnly)
export class LoungeGateway {
  @OnConnect()
  connect(@CurrentUser() me: User) {
    emit('welcome', me);
    emit('note', 'You have opened another tab', { to: user(me.id), includeSelf: false });
  }

  @OnEvent('say')
  say(text: string, @CurrentUser() me: User) {
    emit('said', { by: me.name, text }, { broadcast: true });
  }

  @OnEvent('whisper')
  whisper(to: number, text: string, @CurrentUser() me: User) {
    emit('said', { by: `${me.name}, to you alone`, text }, { to: user(to) });
  }
}
