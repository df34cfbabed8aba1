import { Injectable, type CanActivate } from '@nestjs/common';
import { request } from 'nestjs-flask-socket';
import { Tokens } from './tokens.js';

/** At connect: lets a client in that shows a token in `auth`. What it throws is the client's `connect_error`. */
@Injectable()
export class TokenGuard implements CanActivate {
  constructor(private readonly tokens: Tokens) {}

  async canActivate() {
    const auth = request.auth as { token?: unknown } | undefined; // a client may send anything
    await this.tokens.accept(auth?.token);
    return true;
  }
}
