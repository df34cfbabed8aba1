import { Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { WsException } from '@nestjs/websockets';
import {
  Auth,
  AuthenticatedOnly,
  CurrentUser,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketRequest,
  type SessionMiddleware,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, next, refusal, startApp } from '../support/app.js';
import { Journal } from '../support/journal.js';
import { Browser, platforms, startWithLogin, type User } from '../support/login.js';
import { Wire } from '../support/wire.js';

const REJECTED = 'Connection rejected by server';
const transports = ['polling', 'websocket'];

@SocketGateway()
class UserGateway {
  @OnEvent('who am i')
  whoAmI(@CurrentUser() user: User | undefined) {
    const { passport } = session as { passport?: { user: number } };
    return { parameter: user, request: request.user, session: passport?.user };
  }
}

describe.each(platforms)('a login over HTTP, on $platform', ({ adapter }) => {
  it.each(transports)('A1 is seen in handlers, by %s', async (transport) => {
    const app = await startWithLogin({ adapter, providers: [UserGateway] });
    const browser = new Browser(app);
    await browser.login('ann');

    const client = await app.connect('/', { transports: [transport], ...browser.headers });

    const ann = { id: 7, name: 'ann' };
    expect(await ask(client, 'who am i')).toEqual([{ parameter: ann, request: ann, session: 7 }]);
  });

  it('A1 ends as passport does it', async () => {
    const app = await startWithLogin({ adapter, providers: [UserGateway] });
    const browser = new Browser(app);
    await browser.login('ann');

    const status = await browser.post('/log-me-out');

    const client = await app.connect('/', browser.headers);
    const nobody = { parameter: undefined, request: undefined, session: undefined };
    expect([status, await ask(client, 'who am i')]).toEqual([201, [nobody]]);
  });

  it.each(transports)('A1 that never happened leaves the user unknown, by %s', async (transport) => {
    const app = await startWithLogin({ adapter, providers: [UserGateway] });
    const browser = new Browser(app);
    await browser.visit();

    const client = await app.connect('/', { transports: [transport], ...browser.headers });

    expect(await ask(client, 'who am i')).toEqual([{}]);
  });

  it('A1 changes the id of the session: neither the old id nor an open connection gets the user', async () => {
    const app = await startWithLogin({ adapter, providers: [UserGateway] });
    const browser = new Browser(app);
    await browser.visit();
    const planted = browser.Cookie as string;
    const open = await app.connect('/', browser.headers);

    await browser.login('ann');
    const old = await app.connect('/', { extraHeaders: { Cookie: planted } });
    const fresh = await app.connect('/', browser.headers);

    expect(browser.Cookie).not.toBe(planted);
    expect(await Promise.all([open, old].map((client) => ask(client, 'who am i')))).toEqual([[{}], [{}]]);
    expect(await ask(fresh, 'who am i')).toEqual([expect.objectContaining({ session: 7 })]);
  });

  it('A1 of somebody else in the same browser leaves open connections to whom they belong', async () => {
    const app = await startWithLogin({ adapter, providers: [UserGateway] });
    const browser = new Browser(app);
    await browser.login('ann');
    const open = await app.connect('/', browser.headers);

    await browser.login('bob');
    const fresh = await app.connect('/', browser.headers);

    expect(await ask(open, 'who am i')).toEqual([
      expect.objectContaining({ request: { id: 7, name: 'ann' } }),
    ]);
    expect(await ask(fresh, 'who am i')).toEqual([
      expect.objectContaining({ request: { id: 8, name: 'bob' } }),
    ]);
  });

  it('A2 lets @OnConnect tell known users from unknown ones', async () => {
    @SocketGateway()
    class MemberGateway {
      @OnConnect()
      connect() {
        return request.user !== undefined;
      }
    }
    const app = await startWithLogin({ adapter, providers: [MemberGateway] });
    const browser = new Browser(app);

    const { message } = await refusal(app.open());
    await browser.login('ann');
    const client = await app.connect('/', browser.headers);

    expect([message, client.connected]).toEqual([REJECTED, true]);
  });

  it('A2 is what @AuthenticatedOnly() asks for', async () => {
    const handled = new Journal();
    @SocketGateway()
    class AccountGateway {
      @AuthenticatedOnly()
      @OnEvent('withdraw')
      withdraw() {
        handled.add((request.user as User).name);
        return 'done';
      }
    }
    const app = await startWithLogin({ adapter, providers: [AccountGateway] });
    const browser = new Browser(app);
    await browser.login('ann');
    const [known, unknown] = [await app.connect('/', browser.headers), await app.connect()];
    const gone = next(unknown, 'disconnect');

    unknown.emit('withdraw');
    const [reason] = await gone;

    expect([reason, await ask(known, 'withdraw')]).toEqual(['io server disconnect', ['done']]);
    expect(handled.entries).toEqual(['ann']);
  });
});

describe('a user', () => {
  it('A1 may come from any middleware that sets it on the request', async () => {
    const middleware: SessionMiddleware = (
      http: { user?: unknown; headers: Record<string, string> },
      _: unknown,
      proceed: () => void,
    ) => {
      http.user = { name: http.headers['x-user'] };
      proceed();
    };
    const app = await startApp({ providers: [UserGateway], options: { session: [middleware] } });

    const client = await app.connect('/', { extraHeaders: { 'x-user': 'ann' } });

    expect(await ask(client, 'who am i')).toEqual([{ parameter: { name: 'ann' }, request: { name: 'ann' } }]);
  });

  it.each([[undefined], [null]])(
    'A1 that a handler sets to %s is no more that of the request',
    async (nobody) => {
      @SocketGateway()
      class GoodbyeGateway {
        @OnEvent('forget me')
        forget() {
          request.user = nobody;
          return request.user ?? 'nobody';
        }
      }
      const app = await startWithLogin({ providers: [GoodbyeGateway, UserGateway] });
      const browser = new Browser(app);
      await browser.login('ann');
      const client = await app.connect('/', browser.headers);

      expect(await ask(client, 'forget me')).toEqual(['nobody']);
      expect(await ask(client, 'who am i')).toEqual([
        expect.not.objectContaining({ request: expect.anything() }),
      ]);
    },
  );
});

interface Token {
  sub: number;
  exp?: number;
}

@Injectable()
class JwtGuard implements CanActivate {
  constructor(private readonly jwt: JwtService) {}

  async canActivate() {
    const { token } = request.auth as { token: string };
    try {
      const { sub } = await this.jwt.verifyAsync<Token>(token);
      request.user = { id: sub };
    } catch {
      throw new WsException('Invalid token');
    }
    return true;
  }
}

@SocketGateway()
class JwtGateway {
  @UseGuards(JwtGuard)
  @OnConnect()
  connect() {}

  @OnEvent('id')
  id(@CurrentUser() user: User) {
    return user.id;
  }
}

const jwt = { imports: [JwtModule.register({ secret: 'secret' })], providers: [JwtGuard, JwtGateway] };
const tokenOf = (sub: number) => new JwtService({ secret: 'secret' }).sign({ sub });

describe('a guard', () => {
  it.each(transports)('A2 at connect lets in who has a valid token, by %s', async (transport) => {
    const app = await startApp(jwt);

    const client = await app.connect('/', { transports: [transport], auth: { token: tokenOf(7) } });

    expect(await ask(client, 'id')).toEqual([7]);
  });

  it('A2 at connect refuses with its own words', async () => {
    const app = await startApp(jwt);
    const forged = new JwtService({ secret: 'another' }).sign({ sub: 7 });

    const { message } = await refusal(app.open('/', { auth: { token: forged } }));

    expect(message).toBe('Invalid token');
  });

  it('A2 is asked for each event, and may tell by the user', async () => {
    class StaffOnly implements CanActivate {
      canActivate(context: ExecutionContext) {
        return (request.user as User).id === 1 && context.getType() === 'ws';
      }
    }
    @SocketGateway()
    class StaffGateway {
      @UseGuards(StaffOnly)
      @OnEvent('delete')
      delete() {
        return 'deleted';
      }
    }
    const app = await startApp({ ...jwt, providers: [...jwt.providers, StaffGateway] });
    const staff = await app.connect('/', { auth: { token: tokenOf(1) } });
    const other = await app.connect('/', { auth: { token: tokenOf(7) } });

    expect([await ask(staff, 'delete'), await ask(other, 'delete')]).toEqual([
      ['deleted'],
      [{ status: 'error', message: 'Forbidden resource' }],
    ]);
  });

  it('A2 that sets the user at connect satisfies @AuthenticatedOnly() there', async () => {
    @SocketGateway()
    class BothGateway {
      @AuthenticatedOnly()
      @UseGuards(JwtGuard)
      @OnConnect()
      connect() {}
    }
    const app = await startApp({ imports: jwt.imports, providers: [JwtGuard, BothGateway] });

    const client = await app.connect('/', { auth: { token: tokenOf(7) } });

    expect(client.connected).toBe(true);
  });
});

describe('auth of the wrong shape', () => {
  const shapes: [string, string][] = [
    ['nothing', '40'],
    ['an empty object', '40{}'],
    ['a number for a text', '40{"token":7}'],
    ['null for a text', '40{"token":null}'],
    ['an object for a text', '40{"token":{"toString":"x","length":1}}'],
    ['a list for a text', '40{"token":["a.b.c"]}'],
    ['a text that is no token', '40{"token":"a.b.c"}'],
    ['a prototype', '40{"__proto__":{"token":"x"},"constructor":{"prototype":{}}}'],
    ['keys of a recovery', '40{"pid":{"x":1},"offset":[1],"token":true}'],
  ];

  it.each(shapes)('A2 is refused, and harms nobody: %s', async (_, packet) => {
    const left = new Journal();
    @SocketGateway()
    class LeftGateway {
      @OnDisconnect()
      left() {
        left.add(request.sid);
      }
    }
    const app = await startApp({ ...jwt, providers: [...jwt.providers, LeftGateway] });
    const honest = await app.connect('/', { auth: { token: tokenOf(7) } });
    const wire = await Wire.open(app);

    wire.send(packet);
    const answer = await wire.find((each) => each.startsWith('4'));

    expect(answer).toMatch(/^44\{"message":"(Invalid token|Internal server error)"\}$/);
    expect([await ask(honest, 'id'), left.entries]).toEqual([[7], []]);
  });

  it.each(['40[]', '40"ann"', '40true', '40null', '40{"token":'])(
    'A2 that is no object ends the connection: %s',
    async (packet) => {
      const app = await startApp(jwt);
      const honest = await app.connect('/', { auth: { token: tokenOf(7) } });
      const wire = await Wire.open(app);

      wire.send(packet);
      await wire.closed();

      expect([wire.packets, await ask(honest, 'id')]).toEqual([[], [7]]);
    },
  );

  it("A2 is the handler's to check: it gets what the client sent, or nothing", async () => {
    const seen = new Journal<unknown>();
    @SocketGateway()
    class AnyGateway {
      @OnConnect()
      connect(@Auth() auth: unknown) {
        seen.add([auth, request instanceof SocketRequest]);
      }
    }
    const app = await startApp({ providers: [AnyGateway] });

    await app.connect();
    await app.connect('/', { auth: { token: [7] } });

    expect(seen.entries).toEqual([
      [undefined, true],
      [{ token: [7] }, true],
    ]);
  });
});
