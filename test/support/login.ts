import {
  Controller,
  Injectable,
  Post,
  Req,
  UnauthorizedException,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common';
import { AuthGuard, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import expressSession from 'express-session';
import type { SessionMiddleware } from 'nestjs-flask-socket';
import passport from 'passport';
import { Strategy } from 'passport-local';
import { startApp, type AppOptions, type RunningApp } from './app.js';

export const platforms = [
  { platform: 'Express', adapter: undefined },
  { platform: 'Fastify', adapter: () => new FastifyAdapter() },
];

export interface User {
  id: number;
  name: string;
}

const USERS: readonly User[] = [
  { id: 7, name: 'ann' },
  { id: 8, name: 'bob' },
];

/** What passport puts on a request. */
interface PassportRequest {
  user: User;
  logout(done: (error: unknown) => void): void;
  isAuthenticated(): boolean;
  session: { destroy(done: (error: unknown) => void): void };
}

@Injectable()
class LocalStrategy extends PassportStrategy(Strategy) {
  validate(name: string, password: string): User {
    const user = USERS.find((each) => each.name === name);
    if (!user || password !== 'secret') throw new UnauthorizedException();
    return user;
  }
}

@Injectable()
class UserSerializer extends PassportSerializer {
  serializeUser({ id }: User, done: (error: unknown, id: number) => void) {
    done(null, id);
  }

  deserializeUser(id: number, done: (error: unknown, user: User | false) => void) {
    done(null, USERS.find((each) => each.id === id) ?? false);
  }
}

@Injectable()
class LoginGuard extends AuthGuard('local') {
  override async canActivate(context: ExecutionContext) {
    await super.canActivate(context);
    await super.logIn(context.switchToHttp().getRequest());
    return true;
  }
}

@Controller()
class LoginController {
  @UseGuards(LoginGuard)
  @Post('login')
  login(@Req() request: PassportRequest) {
    return request.user;
  }

  @Post('log-me-out')
  async logMeOut(@Req() request: PassportRequest) {
    await new Promise<void>((resolve) => request.logout(() => resolve()));
    return request.isAuthenticated();
  }

  @Post('logout')
  async logout(@Req() { session }: PassportRequest) {
    await new Promise<void>((resolve) => session.destroy(() => resolve()));
  }
}

/** The middlewares of a login that a session remembers. */
export function loginMiddlewares(cookie: expressSession.CookieOptions = {}): SessionMiddleware[] {
  const session = expressSession({ secret: 'secret', resave: false, saveUninitialized: true, cookie });
  return [session, passport.initialize(), passport.session()];
}

/** An application with a login over HTTP, by passport's local strategy. */
export function startWithLogin({ providers = [], controllers = [], options, ...more }: AppOptions) {
  return startApp({
    ...more,
    providers: [LocalStrategy, UserSerializer, ...providers],
    controllers: [LoginController, ...controllers],
    options: { session: loginMiddlewares(), ...options },
  });
}

/** A browser, as far as its cookie goes. */
export class Browser {
  Cookie: string | undefined;

  constructor(private readonly app: RunningApp) {}

  /** What a client of this browser sends. */
  get headers(): { extraHeaders: Record<string, string> } {
    return { extraHeaders: this.#cookies };
  }

  /** The first visit: a session without a user. */
  async visit(): Promise<void> {
    await this.#fetch('/', {});
  }

  async login(username: string): Promise<number> {
    const body = JSON.stringify({ username, password: 'secret' });
    return this.#fetch('/login', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
  }

  async post(path: string): Promise<number> {
    return this.#fetch(path, { method: 'POST' });
  }

  get #cookies(): Record<string, string> {
    return this.Cookie === undefined ? {} : { Cookie: this.Cookie };
  }

  async #fetch(
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> },
  ): Promise<number> {
    const headers = { ...init.headers, ...this.#cookies };
    const response = await fetch(this.app.url + path, { ...init, headers });
    const [cookie] = response.headers.getSetCookie();
    if (cookie !== undefined) this.Cookie = cookie.split(';', 1)[0];
    return response.status;
  }
}
