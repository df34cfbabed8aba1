import {
  BadRequestException,
  Catch,
  ForbiddenException,
  HttpException,
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { WsException } from '@nestjs/websockets';
import {
  Args,
  OnConnect,
  OnDisconnect,
  OnError,
  OnErrorDefault,
  OnEvent,
  SocketGateway,
  args,
  emit,
  joinRoom,
  request,
  rooms,
  session,
} from 'nestjs-flask-socket';
import { throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ask, bootError, flushed, inbox, next, refusal, startApp } from '../support/app.js';
import { Journal } from '../support/journal.js';
import { Wire } from '../support/wire.js';

const WEBSOCKET = { transports: ['websocket'] };
const SAFE = { status: 'error', message: 'Internal server error' };

const hostile = {
  get message() {
    throw new Error('no message');
  },
  toString() {
    throw new Error('no text');
  },
  get [Symbol.toStringTag]() {
    throw new Error('no tag');
  },
};

/** Errors and other things that can be thrown. */
const THROWN: [string, unknown][] = [
  ['an Error', new Error('secret')],
  ['a string', 'secret'],
  ['undefined', undefined],
  ['null', null],
  ['a number', 0],
  ['a symbol', Symbol('secret')],
  ['an object', { secret: true }],
  ['an object without a prototype', Object.create(null)],
  ['an object with getters that throw', hostile],
  [
    'an Error with getters that throw',
    Object.defineProperties(new Error('x'), Object.getOwnPropertyDescriptors(hostile)),
  ],
];

describe('errors', () => {
  describe('X1 error handlers', () => {
    it('X1 @OnError serves its namespace, @OnErrorDefault those without one', async () => {
      @SocketGateway()
      class ErrorGateway {
        @OnEvent('x', '/own')
        @OnEvent('x', '/other')
        @OnEvent('x', '/')
        fail() {
          throw new Error('broken');
        }

        @OnError('/own')
        own() {
          return 'own';
        }

        @OnErrorDefault()
        others() {
          return 'default';
        }
      }
      const app = await startApp({ providers: [ErrorGateway] });
      const own = await app.connect('/own');
      const other = await app.connect('/other');
      const root = await app.connect('/');

      const answers = await Promise.all([ask(own, 'x'), ask(other, 'x'), ask(root, 'x')]);

      expect(answers).toEqual([['own'], ['default'], ['default']]);
    });

    it('X1 @OnError takes its namespace from the class', async () => {
      @SocketGateway('/own')
      class ErrorGateway {
        @OnEvent('x')
        fail() {
          throw new Error('broken');
        }

        @OnError()
        own() {
          return 'own';
        }
      }
      const app = await startApp({ providers: [ErrorGateway] });
      const client = await app.connect('/own');

      const answer = await ask(client, 'x');

      expect(answer).toEqual(['own']);
    });

    it('X1 a second @OnError of a namespace fails the boot and names both places', async () => {
      @SocketGateway('/chat')
      class FirstGateway {
        @OnError()
        first() {}
      }
      @SocketGateway()
      class SecondGateway {
        @OnError('/chat')
        second() {}
      }

      const error = await bootError({ providers: [FirstGateway, SecondGateway] });

      expect({ code: error.code, message: error.message }).toEqual({
        code: 'FSK_DUPLICATE_HANDLER',
        message: expect.stringMatching(/FirstGateway\.first and SecondGateway\.second/),
      });
    });

    it('X1 a second @OnErrorDefault fails the boot and names both places', async () => {
      @SocketGateway('/chat')
      class FirstGateway {
        @OnErrorDefault()
        first() {}
      }
      @SocketGateway()
      class SecondGateway {
        @OnErrorDefault()
        second() {}
      }

      const error = await bootError({ providers: [FirstGateway, SecondGateway] });

      expect({ code: error.code, message: error.message }).toEqual({
        code: 'FSK_DUPLICATE_HANDLER',
        message: expect.stringMatching(/FirstGateway\.first and SecondGateway\.second/),
      });
    });

    it.each(THROWN)('X1 the argument is what was thrown: %s', async (_, thrown) => {
      const seen = new Journal<unknown>();
      @SocketGateway()
      class ErrorGateway {
        @OnEvent('x')
        fail() {
          throw thrown;
        }

        @OnError()
        failed(error: unknown) {
          seen.add(error);
          return 'handled';
        }
      }
      const app = await startApp({ providers: [ErrorGateway] });
      const client = await app.connect();

      const answer = await ask(client, 'x');

      expect({ answer, same: Object.is(seen.entries[0], thrown), count: seen.entries.length }).toEqual({
        answer: ['handled'],
        same: true,
        count: 1,
      });
    });
  });

  describe('X2 the order', () => {
    class TeapotError extends Error {}

    /** A filter that answers with its own name. */
    function filter(name: string, ...catches: Type[]): Type<ExceptionFilter> {
      @Catch(...catches)
      class NamedFilter implements ExceptionFilter {
        catch() {
          return name;
        }
      }
      return NamedFilter;
    }

    interface Bound {
      method?: Type<ExceptionFilter>;
      class?: Type<ExceptionFilter>;
      onError?: true;
      onErrorDefault?: true;
      global?: Type<ExceptionFilter>;
    }

    /** Who answers when all these are bound and a TeapotError is thrown. */
    async function answerWith(bound: Bound): Promise<unknown> {
      const methodFilters = bound.method ? [bound.method] : [];
      const classFilters = bound.class ? [bound.class] : [];
      @UseFilters(...classFilters)
      @SocketGateway()
      class ThrowingGateway {
        @UseFilters(...methodFilters)
        @OnEvent('x')
        fail() {
          throw new TeapotError('short and stout');
        }
      }
      @SocketGateway()
      class ErrorGateway {
        @OnError()
        onError() {
          return '@OnError';
        }
      }
      @SocketGateway()
      class DefaultGateway {
        @OnErrorDefault()
        onErrorDefault() {
          return '@OnErrorDefault';
        }
      }
      const app = await startApp({
        providers: [
          ThrowingGateway,
          ...(bound.onError ? [ErrorGateway] : []),
          ...(bound.onErrorDefault ? [DefaultGateway] : []),
          ...(bound.global ? [{ provide: APP_FILTER, useClass: bound.global }] : []),
        ],
      });
      const [answer] = await ask(await app.connect(), 'x');
      return answer;
    }

    const all: Bound = {
      method: filter('method filter'),
      class: filter('class filter'),
      onError: true,
      onErrorDefault: true,
      global: filter('global filter'),
    };

    it.each<[string, unknown, Bound]>([
      ['a filter on the method', 'method filter', all],
      ['a filter on the class', 'class filter', { ...all, method: undefined }],
      ['@OnError', '@OnError', { ...all, method: undefined, class: undefined }],
      [
        '@OnErrorDefault',
        '@OnErrorDefault',
        { ...all, method: undefined, class: undefined, onError: undefined },
      ],
      ['a global filter', 'global filter', { global: all.global }],
      ['the library', SAFE, {}],
    ])('X2 %s is asked before those that follow', async (_, expected, bound) => {
      const answer = await answerWith(bound);

      expect(answer).toEqual(expected);
    });

    it('X2 a filter is asked only for the types that it catches', async () => {
      const answer = await answerWith({
        ...all,
        method: filter('method filter', TypeError),
        class: filter('class filter', TeapotError),
      });

      expect(answer).toBe('class filter');
    });

    it('X2 filters that catch other types leave the error to @OnError', async () => {
      const answer = await answerWith({
        ...all,
        method: filter('method filter', TypeError),
        class: filter('class filter', RangeError),
      });

      expect(answer).toBe('@OnError');
    });

    it('X2 a filter bound by app.useGlobalFilters() is asked, too', async () => {
      @SocketGateway()
      class ThrowingGateway {
        @OnEvent('x')
        fail() {
          throw new TeapotError('short and stout');
        }
      }
      const Global = filter('global filter', TeapotError);
      const app = await startApp({
        providers: [ThrowingGateway],
        prepare: (nest) => nest.useGlobalFilters(new Global()),
      });

      const answer = await ask(await app.connect(), 'x');

      expect(answer).toEqual(['global filter']);
    });

    it('X2 a filter gets the client, the data and the pattern', async () => {
      const seen = new Journal<unknown>();
      @Catch()
      class LookingFilter implements ExceptionFilter {
        catch(error: unknown, host: ArgumentsHost) {
          const ws = host.switchToWs();
          const { id } = ws.getClient<{ id: string }>();
          seen.add({
            error,
            type: host.getType(),
            id,
            data: ws.getData<unknown>(),
            pattern: ws.getPattern(),
          });
        }
      }
      const thrown = new TeapotError('short and stout');
      @SocketGateway()
      class ThrowingGateway {
        @UseFilters(LookingFilter)
        @OnEvent('x')
        fail() {
          throw thrown;
        }
      }
      const app = await startApp({ providers: [ThrowingGateway] });
      const client = await app.connect();

      await ask(client, 'x', 'tea');

      expect(seen.entries).toEqual([{ error: thrown, type: 'ws', id: client.id, data: 'tea', pattern: 'x' }]);
    });

    it.each<[string, () => unknown, unknown[]]>([
      ['args(…)', () => args('one', 2), ['one', 2]],
      ['an array', () => ['one', 2], [['one', 2]]],
      ['an object', () => ({ error: true }), [{ error: true }]],
      ['null', () => null, [null]],
      ['nothing', () => undefined, []],
      ['false', () => false, [false]],
      ['bytes', () => Buffer.from('tea'), [Buffer.from('tea')]],
      ['a promise', () => Promise.resolve('later'), ['later']],
    ])('X2 what an error handler returns becomes the acknowledgement: %s', async (_, answer, expected) => {
      @SocketGateway()
      class ErrorGateway {
        @OnEvent('x')
        fail() {
          throw new Error('broken');
        }

        @OnError()
        failed() {
          return answer();
        }
      }
      const app = await startApp({ providers: [ErrorGateway] });
      const client = await app.connect();
      const received = inbox(client);

      const values = await ask(client, 'x');

      expect({ values, received }).toEqual({ values: expected, received: [] });
    });
  });

  describe('X3 the context', () => {
    it('X3 is the failed event’s', async () => {
      @SocketGateway('/chat')
      class ErrorGateway {
        @OnEvent('my event')
        async fail() {
          session['count'] = 1;
          joinRoom('lobby');
          await Promise.resolve();
          throw new Error('broken');
        }

        @OnError()
        async failed(error: Error) {
          await Promise.resolve();
          emit('sorry', error.message);
          const { sid, namespace, event } = request;
          return { sid, namespace, event, count: session['count'], rooms: rooms() };
        }
      }
      const app = await startApp({ providers: [ErrorGateway] });
      const client = await app.connect('/chat');
      const sorry = next(client, 'sorry');

      const [answer] = await ask(client, 'my event', 'foo', 42);

      expect({ answer, sorry: await sorry }).toEqual({
        answer: {
          sid: client.id,
          namespace: '/chat',
          event: { message: 'my event', args: ['foo', 42] },
          count: 1,
          rooms: [client.id, 'lobby'],
        },
        sorry: ['broken'],
      });
    });
  });

  describe('X4 error handlers serve', () => {
    type Fail = () => unknown;

    const WAYS: [string, Fail][] = [
      ['throws', () => { throw new Error('broken'); }], // prettier-ignore
      ['rejects', () => Promise.reject(new Error('broken'))],
      [
        'throws a string',
        () => {
          throw 'broken';
        },
      ],
      ['rejects with nothing', () => Promise.reject()],
    ];

    /** An application with one source of errors, and what its error handler saw. */
    function gatewayOf(fail: Fail) {
      const seen = new Journal<unknown>();
      class FailingGuard implements CanActivate {
        canActivate() {
          return fail() as boolean;
        }
      }
      class FailingPipe implements PipeTransform {
        transform() {
          return fail();
        }
      }
      class FailingInterceptor implements NestInterceptor {
        intercept(_: ExecutionContext, handler: CallHandler) {
          return (fail() ?? handler.handle()) as never;
        }
      }
      class StreamInterceptor implements NestInterceptor {
        intercept() {
          return throwError(() => new Error('broken'));
        }
      }
      @SocketGateway()
      class SourcesGateway {
        @OnEvent('event')
        event() {
          return fail();
        }

        @OnEvent('callback')
        callback() {
          emit('question', 'data', { callback: fail });
          return 'asked';
        }

        @UseGuards(FailingGuard)
        @OnEvent('guard')
        guard() {}

        @UsePipes(FailingPipe)
        @OnEvent('pipe')
        pipe(_data: string) {}

        @OnEvent('parameter pipe')
        parameterPipe(@Args(FailingPipe) _data: unknown[]) {}

        @UseInterceptors(FailingInterceptor)
        @OnEvent('interceptor')
        interceptor() {}

        @UseInterceptors(StreamInterceptor)
        @OnEvent('stream')
        stream() {}

        @OnConnect('/connect')
        connect() {
          return fail();
        }

        @OnEvent('x', '/connect')
        connected() {}

        @OnDisconnect('/disconnect')
        disconnect() {
          return fail();
        }

        @OnErrorDefault()
        failed() {
          seen.add(request.event);
          return request.event.message === 'connect' ? true : 'handled';
        }
      }
      return { seen, SourcesGateway };
    }

    describe.each(WAYS)('when a handler %s', (way, fail) => {
      it.each([['event'], ['guard'], ['pipe'], ['parameter pipe'], ['interceptor'], ['stream']])(
        `X4 %s that ${way}`,
        async (event) => {
          const { seen, SourcesGateway } = gatewayOf(fail);
          const app = await startApp({ providers: [SourcesGateway] });
          const client = await app.connect();

          const answer = await ask(client, event, 'data');

          expect({ answer, seen: seen.entries }).toEqual({
            answer: ['handled'],
            seen: [{ message: event, args: ['data'] }],
          });
        },
      );

      it(`X4 a callback that ${way}`, async () => {
        const { seen, SourcesGateway } = gatewayOf(fail);
        const app = await startApp({ providers: [SourcesGateway] });
        const client = await app.connect();
        client.once('question', (_data: unknown, answer: (...values: unknown[]) => void) => answer('yes', 1));

        client.emit('callback');

        expect(await seen.reached(1)).toEqual([{ message: null, args: ['yes', 1] }]);
      });

      it(`X4 @OnConnect that ${way}`, async () => {
        const { seen, SourcesGateway } = gatewayOf(fail);
        const app = await startApp({ providers: [SourcesGateway] });

        await app.connect('/connect', { auth: { token: 1 } });

        expect(seen.entries).toEqual([{ message: 'connect', args: [{ token: 1 }] }]);
      });

      it(`X4 @OnDisconnect that ${way}`, async () => {
        const { seen, SourcesGateway } = gatewayOf(fail);
        const app = await startApp({ providers: [SourcesGateway] });
        const client = await app.connect('/disconnect');

        client.disconnect();

        expect(await seen.reached(1)).toEqual([
          { message: 'disconnect', args: ['client namespace disconnect'] },
        ]);
      });
    });

    it('X4 a guard that says no', async () => {
      const { seen, SourcesGateway } = gatewayOf(() => false);
      const app = await startApp({ providers: [SourcesGateway] });
      const client = await app.connect();

      const answer = await ask(client, 'guard');

      expect({ answer, seen: seen.entries }).toEqual({
        answer: ['handled'],
        seen: [{ message: 'guard', args: [] }],
      });
    });
  });

  describe('X5 without any', () => {
    it('X5 one line in the log names event, namespace, sid, handler and stack', async () => {
      @SocketGateway('/chat')
      class BrokenGateway {
        @OnEvent('my event')
        fail() {
          throw new TypeError('broken');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect('/chat');

      await ask(client, 'my event');

      expect(app.log.of('error')).toEqual([
        expect.stringMatching(
          new RegExp(
            `'my event'.*'/chat'.*sid ${client.id}.*BrokenGateway\\.fail.*TypeError: broken\\n *at .*errors\\.spec\\.ts`,
            's',
          ),
        ),
      ]);
    });

    it('X5 the client gets an exception event and the same object as acknowledgement', async () => {
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail() {
          throw new Error('secret');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect();
      const received = inbox(client);

      const answer = await ask(client, 'x', 'payload');

      expect({ answer, received }).toEqual({ answer: [SAFE], received: [['exception', SAFE]] });
    });

    it('X5 nothing but the exception event is sent to a client that asked for no acknowledgement', async () => {
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail() {
          throw new Error('secret');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const wire = await Wire.open(app);
      await wire.join();

      wire.send('42["x","payload"]');
      await wire.find((packet) => packet.startsWith('42'));
      await wire.flushed();

      expect(wire.packets.slice(1)).toEqual([`42["exception",${JSON.stringify(SAFE)}]`]);
    });

    class Detail {
      readonly seats = 0;
    }

    it.each<[string, unknown, unknown]>([
      ['a WsException', new WsException('no seats'), { status: 'error', message: 'no seats' }],
      [
        'a WsException of an object',
        new WsException({ code: 'ROOM_FULL', message: 'full' }),
        { status: 'error', code: 'ROOM_FULL', message: 'full' },
      ],
      ['a WsException with a status of its own', new WsException({ status: 409 }), { status: 409 }],
      ['a WsException of a list', new WsException([{ field: 'a' }]), [{ field: 'a' }]],
      ['a WsException of an instance', new WsException(new Detail()), { seats: 0 }],
      ['a WsException of an Error', new WsException(new Error('full')), { status: 'error', message: 'full' }],
      [
        'an HttpException',
        new ForbiddenException('members only'),
        { status: 'error', message: 'members only' },
      ],
      [
        'an HttpException of a list',
        new BadRequestException(['a', 'b']),
        { status: 'error', message: ['a', 'b'] },
      ],
      [
        'an HttpException of an object',
        new HttpException({ message: ['a', 'b'], code: 1 }, 400),
        { status: 'error', message: ['a', 'b'], code: 1 },
      ],
    ])('X5 %s goes to the client as it was written', async (_, thrown, safe) => {
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail() {
          throw thrown;
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect();
      const received = inbox(client);

      const answer = await ask(client, 'x');

      expect({ answer, received }).toEqual({ answer: [safe], received: [['exception', safe]] });
    });

    it.each(THROWN)(
      'X5 holds for %s: one line, a safe answer, a connection that stays',
      async (_, thrown) => {
        @SocketGateway()
        class BrokenGateway {
          @OnEvent('x')
          fail() {
            throw thrown;
          }

          @OnEvent('y')
          work() {
            return 'still here';
          }
        }
        const app = await startApp({ providers: [BrokenGateway] });
        const client = await app.connect();
        const received = inbox(client);

        const answer = await ask(client, 'x', 'payload');
        const after = await ask(client, 'y');

        expect({ answer, after, received, lines: app.log.of('error').length }).toEqual({
          answer: [SAFE],
          after: ['still here'],
          received: [['exception', SAFE]],
          lines: 1,
        });
      },
    );

    it('X5 no stack, no payload and no text of the error is on the wire, whatever fails', async () => {
      const SECRET = 'hunter2';
      @Injectable()
      class SecretGuard implements CanActivate {
        canActivate(): boolean {
          throw new Error(SECRET);
        }
      }
      @SocketGateway()
      class BrokenGateway {
        @OnConnect('/refused')
        connect() {
          throw new Error(SECRET);
        }

        @OnEvent('x')
        fail() {
          throw Object.assign(new Error(SECRET), { payload: request.event.args });
        }

        @UseGuards(SecretGuard)
        @OnEvent('guarded')
        guarded() {}

        @OnEvent('unserialisable')
        unserialisable() {
          return { SECRET, big: 1n };
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const wire = await Wire.open(app);
      wire.send('40/refused,');
      await wire.join();

      wire.send('421["x","correct horse"]');
      wire.send('422["guarded","correct horse"]');
      wire.send('423["unserialisable","correct horse"]');
      await wire.find((packet) => packet.startsWith('433'));
      await wire.flushed();

      const all = wire.packets.join('\n');
      expect({ count: wire.packets.length, leaked: /hunter2|correct horse|\bat .*:\d+/.test(all) }).toEqual({
        count: 8,
        leaked: false,
      });
    });

    it('X5 a guard that breaks is logged with its stack', async () => {
      class BrokenGuard implements CanActivate {
        canActivate(): boolean {
          throw new TypeError('no database');
        }
      }
      @SocketGateway()
      class GuardedGateway {
        @UseGuards(BrokenGuard)
        @OnEvent('x')
        guarded() {}
      }
      const app = await startApp({ providers: [GuardedGateway] });

      await ask(await app.connect(), 'x');

      expect(app.log.of('error')).toEqual([expect.stringMatching(/TypeError: no database\n *at /)]);
    });

    it.each<[string, () => unknown]>([
      ['throws', () => { throw new RangeError('second'); }], // prettier-ignore
      ['throws words for the client', () => { throw new WsException('second'); }], // prettier-ignore
      ['rejects', () => Promise.reject(new RangeError('second'))],
      ['returns an Observable that fails', () => throwError(() => new RangeError('second'))],
      ['returns something cyclic', () => { const cyclic: unknown[] = []; cyclic.push(cyclic); return cyclic; }], // prettier-ignore
      ['returns a BigInt', () => 1n],
    ])(
      'X5 an error handler that %s: both errors are logged, the answer is to the first',
      async (_, answer) => {
        @SocketGateway()
        class BrokenGateway {
          @OnEvent('x')
          fail() {
            throw new WsException('first');
          }

          @OnError()
          failed() {
            return answer();
          }
        }
        const app = await startApp({ providers: [BrokenGateway] });
        const client = await app.connect();
        const received = inbox(client);

        const values = await ask(client, 'x');

        const first = { status: 'error', message: 'first' };
        expect({ values, received, lines: app.log.of('error'), connected: client.connected }).toEqual({
          values: [first],
          received: [['exception', first]],
          lines: [
            expect.stringMatching(/^Error in 'x'.*BrokenGateway\.fail.*WsException: first$/),
            expect.stringMatching(/^Error while that error was handled, in 'x'.*BrokenGateway\.fail/),
          ],
          connected: true,
        });
      },
    );

    it.each<[string, (host: ArgumentsHost) => unknown]>([
      ['that throws', () => { throw new RangeError('second'); }], // prettier-ignore
      [
        'that only knows HTTP',
        (host) => host.switchToHttp().getResponse<{ status(code: number): void }>().status(500),
      ],
      ['whose promise rejects', () => Promise.reject(new RangeError('second'))],
      ['whose Observable fails', () => throwError(() => new RangeError('second'))],
    ])('X5 an exception filter %s is treated the same', async (_, fail) => {
      @Catch()
      class BrokenFilter implements ExceptionFilter {
        catch(_error: unknown, host: ArgumentsHost) {
          return fail(host);
        }
      }
      @UseFilters(BrokenFilter)
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail() {
          throw new Error('first');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect();
      const received = inbox(client);

      const values = await ask(client, 'x');

      expect({ values, received, lines: app.log.of('error') }).toEqual({
        values: [SAFE],
        received: [['exception', SAFE]],
        lines: [
          expect.stringMatching(/^Error in 'x'.*Error: first\n *at /),
          expect.stringMatching(
            /^Error while that error was handled, in 'x'.*(RangeError|TypeError): .*\n *at /,
          ),
        ],
      });
    });

    it.each<[string, () => unknown]>([
      ['cyclic', () => { const cyclic: unknown[] = []; cyclic.push(cyclic); return cyclic; }], // prettier-ignore
      ['a BigInt', () => ({ big: 1n })],
      ['a getter that throws', () => hostile],
      ['a toJSON that throws', () => ({ toJSON: () => { throw new Error('no JSON'); } })], // prettier-ignore
    ])('X5 a result that cannot be sent is an error like any other: %s', async (_, result) => {
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail() {
          return result();
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect();

      const values = await ask(client, 'x');

      expect({ values, lines: app.log.of('error').length }).toEqual({ values: [SAFE], lines: 1 });
    });

    it('X5 an exception whose message cannot be sent says less', async () => {
      const cyclic: Record<string, unknown> = {};
      cyclic['self'] = cyclic;
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail() {
          throw new WsException({ message: cyclic });
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect();
      const received = inbox(client);

      const answer = await ask(client, 'x');

      expect({ answer, received }).toEqual({ answer: [SAFE], received: [['exception', SAFE]] });
    });

    it('X5 a failed @OnConnect is logged in one line and refuses with the safe message', async () => {
      @SocketGateway()
      class BrokenGateway {
        @OnConnect()
        connect() {
          throw new Error('secret');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });

      const { message } = await refusal(app.open('/', WEBSOCKET));

      expect({ message, lines: app.log.of('error') }).toEqual({
        message: 'Internal server error',
        lines: [expect.stringMatching(/'connect'.*BrokenGateway\.connect.*Error: secret\n/)],
      });
    });

    it('X5 a failed @OnDisconnect is logged in one line', async () => {
      const gone = new Journal();
      @SocketGateway()
      class BrokenGateway {
        @OnDisconnect()
        async left() {
          gone.add('gone');
          throw new Error('broken');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect();

      client.disconnect();
      await gone.has('gone');
      await app.app.close();

      expect(app.log.of('error')).toEqual([
        expect.stringMatching(/'disconnect'.*BrokenGateway\.left.*Error: broken\n/),
      ]);
    });

    it('X5 a failed callback is logged in one line', async () => {
      @SocketGateway()
      class AskingGateway {
        @OnEvent('x')
        x() {
          emit('question', 1, {
            callback: function answered() {
              throw new Error('broken');
            },
          });
        }
      }
      const app = await startApp({ providers: [AskingGateway] });
      const client = await app.connect();
      const exception = next(client, 'exception');
      client.once('question', (_data: unknown, answer: () => void) => answer());

      client.emit('x');

      expect({ exception: await exception, lines: app.log.of('error') }).toEqual({
        exception: [SAFE],
        lines: [expect.stringMatching(/callback.*answered.*Error: broken\n/)],
      });
    });

    it('X5 a client’s text cannot forge lines of the log', async () => {
      const FORGED = 'x\n2026-01-01 ERROR forged\u001b[2J\u2028';
      @SocketGateway('*')
      class BrokenGateway {
        @OnEvent('*')
        fail(name: string) {
          throw new Error(`no ${name}`);
        }
      }
      const app = await startApp({ providers: [BrokenGateway], options: { namespaces: '*', debug: true } });
      const client = await app.connect(`/${encodeURIComponent('ä')}`);

      await ask(client, FORGED);
      await flushed(client);

      const lines = app.log.lines.flatMap(({ text }) => text.split('\n'));
      // oxlint-disable-next-line no-control-regex -- what must not be there
      const suspicious = lines.filter((line) => /^2026|[\u0000-\u001f\u2028]/.test(line));
      expect({ suspicious, lines: app.log.of('error').length }).toEqual({ suspicious: [], lines: 1 });
    });
  });
});
