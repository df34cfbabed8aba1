import {
  BadRequestException,
  Catch,
  Inject,
  Scope,
  UseFilters,
  UseGuards,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { throwError } from 'rxjs';
import type { Server, Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { ask, connected, flushed, inbox, next, refusal, startApp, type RunningApp } from '../support/app.js';
import { Journal } from '../support/journal.js';

const SAFE = { status: 'error', message: 'Internal server error' };

/** Throws whatever is asked of it. */
const hostile = new Proxy(
  new Error('hostile'),
  Object.fromEntries(
    Object.getOwnPropertyNames(Reflect).map((trap) => [
      trap,
      () => {
        throw new Error('no');
      },
    ]),
  ),
);

const WAYS: [string, () => unknown][] = [
  ['throws', () => { throw new Error('broken'); }], // prettier-ignore
  ['rejects', () => Promise.reject(new Error('broken'))],
  ['throws nothing', () => { throw undefined; }], // prettier-ignore
  ['throws what cannot be read', () => { throw hostile; }], // prettier-ignore
  ['rejects with what cannot be read', () => Promise.reject(hostile)],
];

@SocketGateway()
class EchoGateway {
  @OnEvent('echo')
  echo(data: unknown) {
    return data;
  }
}

const serverOf = (app: RunningApp): Server => app.get(SocketIO).server;

/** Resolves with the error lines, when there are so many. */
const errors = async (app: RunningApp, count: number): Promise<string[]> => {
  const seen = new Journal();
  for (const line of app.log.of('error')) seen.add(line);
  app.log.error = (text: unknown) => {
    seen.add(String(text));
    return undefined;
  };
  return (await seen.reached(count)).slice(0, count);
};

describe('what an application adds to the raw server', () => {
  describe.each(WAYS)('and %s', (_, fail) => {
    it('X4 as a namespace middleware refuses with a safe message', async () => {
      const app = await startApp({ providers: [EchoGateway] });
      serverOf(app).use(() => fail());

      const { message } = await refusal(app.open());

      expect({ message, lines: app.log.of('error').length }).toEqual({
        message: 'Internal server error',
        lines: 1,
      });
    });

    it('X4 as a socket middleware answers safely', async () => {
      const app = await startApp({ providers: [EchoGateway] });
      serverOf(app).on('connection', (socket) => void socket.use(() => fail()));

      const answer = await ask(await app.connect(), 'echo', 1);

      expect({ answer, lines: app.log.of('error').length }).toEqual({ answer: [SAFE], lines: 1 });
    });

    it.each<[string, (socket: Socket) => void, string]>([
      ['on()', (socket) => void socket.on('raw', fail), "'raw'"],
      ['once()', (socket) => void socket.once('raw', fail), "'raw'"],
      ['onAny()', (socket) => void socket.onAny(fail), "'raw'"],
      ['on(disconnect)', (socket) => void socket.on('disconnect', fail), "'disconnect'"],
      ['on(disconnecting)', (socket) => void socket.on('disconnecting', fail), "'disconnecting'"],
    ])('X4 as a listener of a socket keeps no other listener from hearing: %s', async (_on, add, name) => {
      const app = await startApp({ providers: [EchoGateway] });
      const heard = new Journal();
      serverOf(app).on('connection', (socket) => {
        add(socket);
        socket.on('raw', (_data, answer: () => void) => answer());
        socket.on('disconnect', () => heard.add('gone'));
      });
      const client = await app.connect();

      await ask(client, 'raw', 1);
      const answer = await ask(client, 'echo', 1);
      client.disconnect();
      await heard.reached(1);

      expect({ answer, lines: await errors(app, 1) }).toEqual({
        answer: [1],
        lines: [expect.stringContaining(`Error in a listener of ${name}`)],
      });
    });

    it('X4 as a listener for connections leaves the client connected', async () => {
      const app = await startApp({ providers: [EchoGateway] });
      serverOf(app).on('connection', fail as () => void);

      const answer = await ask(await app.connect(), 'echo', 1);

      expect({ answer, lines: await errors(app, 1) }).toEqual({
        answer: [1],
        lines: [expect.stringContaining("Error in a listener of 'connection' in '/'")],
      });
    });
  });

  it.each<[string, (done: () => void) => void]>([
    ['at once', (done) => done()],
    ['later', (done) => void setImmediate(done)],
  ])('X4 a middleware that refuses with what cannot be read refuses: %s', async (_, when) => {
    const app = await startApp({ providers: [EchoGateway] });
    serverOf(app).use((_socket, done) => when(() => done(hostile)));

    const { message } = await refusal(app.open());

    expect(message).toBe('Connection rejected by server');
  });

  it('X4 what a listener returns is not begun, where it is no promise', async () => {
    const begun: string[] = [];
    // oxlint-disable-next-line unicorn/no-thenable -- as a query of a database is
    const query = { then: () => void begun.push('query') };
    const app = await startApp({ providers: [EchoGateway] });
    serverOf(app).on('connection', (socket) => void socket.on('raw', () => query));
    const client = await app.connect();

    client.emit('raw');
    await ask(client, 'echo', 1);

    expect(begun).toEqual([]);
  });
});

describe('Nest’s own gateways on our server', () => {
  describe.each(WAYS)('when one of their methods %s', (_, fail) => {
    it('X4 handleConnection is logged, and the client refused after it has been told', async () => {
      @WebSocketGateway()
      class FailingGateway {
        handleConnection() {
          return fail();
        }
      }
      const app = await startApp({ providers: [FailingGateway] });
      const client = app.open();
      const received = inbox(client);
      const gone = next(client, 'disconnect');
      await connected(client);
      const [reason] = await gone;

      expect({ received, reason, lines: await errors(app, 1) }).toEqual({
        received: [['exception', SAFE]],
        reason: 'io server disconnect',
        lines: [expect.stringContaining('Error in FailingGateway.handleConnection()')],
      });
    });

    it('X4 handleDisconnect is logged', async () => {
      @WebSocketGateway()
      class FailingGateway {
        handleDisconnect() {
          return fail();
        }
      }
      const app = await startApp({ providers: [FailingGateway, EchoGateway] });
      const other = await app.connect();
      const client = await app.connect();

      client.disconnect();

      expect({ lines: await errors(app, 1), answer: await ask(other, 'echo', 1) }).toEqual({
        lines: [expect.stringContaining('Error in FailingGateway.handleDisconnect()')],
        answer: [1],
      });
    });

    it('X4 a message is answered with the safe object', async () => {
      @WebSocketGateway()
      class FailingGateway {
        @SubscribeMessage('x')
        x() {
          return fail();
        }
      }
      const app = await startApp({ providers: [FailingGateway] });
      const client = await app.connect();

      expect(await ask(client, 'x', 1)).toEqual([SAFE]);
    });

    it('X4 a filter leaves both errors in the log, the first one first, and the answer is to the first', async () => {
      @Catch()
      class FailingFilter implements ExceptionFilter {
        catch() {
          return fail();
        }
      }
      @WebSocketGateway()
      class FailingGateway {
        @UseFilters(FailingFilter)
        @SubscribeMessage('x')
        x() {
          throw new RangeError('first');
        }
      }
      const app = await startApp({ providers: [FailingGateway] });
      const client = await app.connect();
      const received = inbox(client);

      const answer = await ask(client, 'x', 1);

      expect({ answer, received, lines: app.log.of('error') }).toEqual({
        answer: [SAFE],
        received: [['exception', SAFE]],
        lines: [
          expect.stringMatching(/RangeError: first\n *at /),
          expect.stringContaining('Error in the filter that handled that error'),
        ],
      });
    });
  });

  it.each<[string, () => unknown, unknown]>([
    ['a WsException', () => { throw new WsException({ code: 1 }); }, { status: 'error', code: 1 }], // prettier-ignore
    ['an HttpException', () => { throw new BadRequestException('no'); }, { status: 'error', message: 'no' }], // prettier-ignore
    ['an Observable that fails', () => throwError(() => new Error('broken')), SAFE],
    ['a BigInt', () => ({ big: 1n }), SAFE],
  ])('X5 the answer to %s', async (_, fail, answer) => {
    @WebSocketGateway()
    class FailingGateway {
      @SubscribeMessage('x')
      x() {
        return fail();
      }
    }
    const app = await startApp({ providers: [FailingGateway] });

    expect(await ask(await app.connect(), 'x', 1)).toEqual([answer]);
  });

  it('X4 a guard that refuses is answered', async () => {
    class No implements CanActivate {
      canActivate() {
        return false;
      }
    }
    @WebSocketGateway()
    class GuardedGateway {
      @UseGuards(No)
      @SubscribeMessage('x')
      x() {}
    }
    const app = await startApp({ providers: [GuardedGateway] });

    expect(await ask(await app.connect(), 'x', 1)).toEqual([
      { status: 'error', message: 'Forbidden resource' },
    ]);
  });

  it.each<[string, (answer: (words: string) => void) => unknown]>([
    ['at once', (answer) => answer('from the filter')],
    ['later', async (answer) => { await Promise.resolve(); answer('from the filter'); }], // prettier-ignore
  ])('X4 what a filter answers itself is the answer: %s', async (_, act) => {
    @Catch()
    class AnsweringFilter implements ExceptionFilter {
      catch(_error: unknown, host: ArgumentsHost) {
        return act(host.getArgByIndex(2));
      }
    }
    @WebSocketGateway()
    class FailingGateway {
      @UseFilters(AnsweringFilter)
      @SubscribeMessage('x')
      x() {
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [FailingGateway] });

    expect(await ask(await app.connect(), 'x', 1)).toEqual(['from the filter']);
  });

  it.each<[string, unknown]>([
    ['a reserved name', { event: 'disconnect' }],
    ['what cannot be sent', { event: 'big', data: 1n }],
  ])('X4 an answer as an event with %s tells the client that it failed', async (_, response) => {
    @WebSocketGateway()
    class EventGateway {
      @SubscribeMessage('x')
      x() {
        return response;
      }
    }
    const app = await startApp({ providers: [EventGateway] });
    const client = await app.connect();
    const exception = next(client, 'exception');

    client.emit('x', 1);

    expect({ exception: await exception, lines: app.log.of('error').length }).toEqual({
      exception: [SAFE],
      lines: 1,
    });
  });

  it('X4 a request-scoped one, whose hooks and messages fail, ends nothing', async () => {
    @WebSocketGateway()
    class ScopedGateway {
      constructor(@Inject(REQUEST) readonly request: unknown) {}

      handleConnection() {}

      async handleDisconnect() {
        await Promise.resolve();
        throw new Error('broken');
      }

      @SubscribeMessage('x')
      x() {
        throw new Error('broken');
      }
    }
    Reflect.defineMetadata('scope:options', { scope: Scope.REQUEST }, ScopedGateway);
    const app = await startApp({ providers: [ScopedGateway, EchoGateway] });
    const client = await app.connect();
    const other = await app.connect();

    const answers = [await ask(client, 'x', 1)];
    client.disconnect();
    await flushed(other);
    answers.push(await ask(other, 'echo', 1));

    expect({ answers, lines: await errors(app, 1) }).toEqual({
      answers: [[SAFE], [1]],
      lines: [expect.stringContaining('Error in ScopedGateway.handleDisconnect()')],
    });
  });

  it('X4 with a client that is not ours behave as without us', () => {
    @WebSocketGateway()
    class FailingGateway {
      handleConnection() {
        throw new Error('broken');
      }
    }
    return startApp({ providers: [FailingGateway] }).then((app) => {
      const gateway = app.get(FailingGateway);
      expect(() => (gateway.handleConnection as (client: unknown) => void)({ id: 'a fake' })).toThrow(
        'broken',
      );
    });
  });
});
