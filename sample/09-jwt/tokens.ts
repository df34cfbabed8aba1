import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { WsException } from '@nestjs/websockets';
import { request } from 'nestjs-flask-socket';

interface Claims {
  sub: string;
  exp: number;
}

/** What a token says, and what it means for the connection that shows it. */
@Injectable()
export class Tokens {
  constructor(private readonly jwt: JwtService) {}

  /** A token of a user. */
  issue(name: string): string {
    return this.jwt.sign({ sub: name });
  }

  /** Makes the connection that of the token's user, for as long as the token lasts. */
  async accept(token: unknown): Promise<string> {
    const { sub, exp } = await this.#verify(token);
    if (request.user !== undefined && request.user !== sub) throw new WsException('That is another user');
    request.user = sub;
    request.expiresAt = exp * 1_000; // exp counts seconds
    return sub;
  }

  async #verify(token: unknown): Promise<Claims> {
    try {
      return await this.jwt.verifyAsync<Claims>(String(token));
    } catch {
      throw new WsException('The token is invalid or has expired');
    }
  }
}
