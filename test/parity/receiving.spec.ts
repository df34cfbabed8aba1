import { Controller, createParamDecorator, Get, Res, type ExecutionContext } from '@nestjs/common';
import {
  Ack,
  Args,
  args,
  Auth,
  ConnectedSocket,
  CurrentUser,
  emit,
  Headers,
  Ip,
  MessageBody,
  Namespace,
  OnConnect,
  OnDisconnect,
  OnEvent,
  Param,
  Query,
  Reason,
  request,
  Session,
  Sid,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import { delay, from, NEVER, of, Subject, takeUntil } from 'rxjs';
import type { Socket as ServerSocket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ask, bootError, flushed, inbox, next, refusal, startApp, type RunningApp } from '../support/app.js';

import { Journal } from '../support/journal.js';

/** Answers with what it was given, as one array. */
@SocketGateway()
class EchoGateway {
  readonly heard: unknown[][] = [];

  @OnEvent('message')
  message(...values: unknown[]) {
    this.heard.push(['message', ...values]);
    return values;
  }

  @OnEvent('json')
  json(...values: unknown[]) {
    this.heard.push(['json', ...values]);
    return values;
  }

  @OnEvent('echo')
  echo(...values: unknown[]) {
    this.heard.push(['echo', ...values]);
    return values;
  }
}

const payloads: [string, unknown][] = [
  ['a string', 'text'],
  ['an empty string', ''],
  ['text beyond ASCII', 'Grüße, 世界 👋\u0000'],
  ['a number', 42.5],
  ['zero', 0],
  ['true', true],
  ['false', false],
  ['null', null],
  ['an array', [1, [2, 'three']]],
  ['an empty array', []],
  ['an object', { data: { deep: [null, true] } }],
  ['an object that looks like an event', { event: 'disconnect', data: 1 }],
  ['an object with a number to its placeholder', { num: 0, value: 'x' }],
  ['bytes', Buffer.from([0, 1, 254, 255])],
  ['no bytes', Buffer.alloc(0)],
  ['bytes in an array', ['a', Buffer.from('b')]],
  ['bytes nested anywhere', { files: [{ body: Buffer.from('one') }, { body: Buffer.from('two') }] }],
];

describe('payloads', () => {
  it('V1 message takes text and json takes JSON', async () => {
    const running = await startApp({ providers: [EchoGateway] });
    const client = await running.connect();
    client.send('some text');
    client.emit('json', { data: 1 });
    await flushed(client);
    expect(running.get(EchoGateway).heard).toEqual([
      ['message', 'some text'],
      ['json', { data: 1 }],
    ]);
  });

  it.each(['websocket', 'polling'])('V3 V6 every kind of value passes both ways by %s', async (transport) => {
    const running = await startApp({ providers: [EchoGateway] });
    const client = await running.connect('/', { transports: [transport] });
    for (const [name, value] of payloads) {
      expect(await ask(client, 'echo', value), name).toEqual([[value]]);
    }
    expect(running.get(EchoGateway).heard).toEqual(payloads.map(([, value]) => ['echo', value]));
  });

  it('V3 bytes arrive as Buffers', async () => {
    class BytesGateway {
      @OnEvent('bytes')
      bytes(first: unknown, { inner }: { inner: unknown }) {
        return [Buffer.isBuffer(first), Buffer.isBuffer(inner)];
      }
    }
    const running = await startApp({ providers: [BytesGateway] });
    const client = await running.connect();
    const answer = await ask(client, 'bytes', new Uint8Array([1]), { inner: new Uint8Array([2]).buffer });
    expect(answer).toEqual([[true, true]]);
  });

  it('V4 several arguments arrive one by one, binary ones and arrays among them', async () => {
    const running = await startApp({ providers: [EchoGateway] });
    const values = ['first', 2, [3, 4], { five: Buffer.from('5') }, null];
    expect(await ask(await running.connect(), 'echo', ...values)).toEqual([values]);
  });

  it('V4 several arguments and one array are not the same', async () => {
    const running = await startApp({ providers: [EchoGateway] });
    const client = await running.connect();
    expect([await ask(client, 'echo', 1, 2), await ask(client, 'echo', [1, 2])]).toEqual([
      [[1, 2]],
      [[[1, 2]]],
    ]);
  });

  it('V4 no argument is none', async () => {
    const running = await startApp({ providers: [EchoGateway] });
    expect(await ask(await running.connect(), 'echo')).toEqual([[]]);
  });
});

describe('names', () => {
  it.each([
    'my event',
    ' leading and trailing ',
    'ünïcödé 👋',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'ping',
    'then',
    'x'.repeat(128),
  ])('V2 an event may have any name: %s', async (name) => {
    class NamedGateway {
      @OnEvent(name)
      handle(data: unknown) {
        return [request.event.message, data];
      }
    }
    const running = await startApp({ providers: [NamedGateway] });
    expect(await ask(await running.connect(), name, 1)).toEqual([[name, 1]]);
  });

  it.each([
    'connect',
    'connect_error',
    'disconnect',
    'disconnecting',
    'error',
    'newListener',
    'removeListener',
  ])('V2 the reserved name %s is refused when the decorator is applied', (name) => {
    const declare = () => {
      class ReservedGateway {
        @OnEvent(name)
        handle() {}
      }
      return ReservedGateway;
    };
    expect(declare).toThrow(expect.objectContaining({ code: 'FSK_RESERVED_EVENT' }));
    expect(declare).toThrow(/"\w+" .*ReservedGateway\.handle/);
  });

  it('V2 a client that sends the event error reaches nobody, and can be sent it', async () => {
    const heard = new Journal();
    class EveryGateway {
      @OnEvent('*')
      every(name: string) {
        heard.add(name);
        emit('error', { message: 'no' });
      }
    }
    const running = await startApp({ providers: [EveryGateway] });
    running.get(SocketIO).server.on('connection', (socket) => {
      socket.on('error', () => heard.add('listener'));
    });
    const client = await running.connect();
    const error = next(client, 'error');

    client.emit('error', 1);
    client.emit('other', 1);

    expect({ error: await error, heard: heard.entries }).toEqual({
      error: [{ message: 'no' }],
      heard: ['other'],
    });
  });

  it('V2 onEvent() refuses the event error, too', async () => {
    const running = await startApp({});

    expect(() => running.get(SocketIO).onEvent('error', () => {})).toThrow(/FSK_RESERVED_EVENT/);
  });

  it('V2 a reserved method name is refused, too, where it would be the name of the event', () => {
    const declare = () => {
      class ReservedGateway {
        @OnEvent()
        disconnect() {}
      }
      return ReservedGateway;
    };
    expect(declare).toThrow(/FSK_RESERVED_EVENT.*ReservedGateway\.disconnect/);
  });

  it.each([
    ['an empty name', ''],
    ['a name of 129 characters', 'x'.repeat(129)],
    ['a number', 7],
    ['a symbol', Symbol('x')],
  ])('V2 %s is refused when the decorator is applied', (_, name) => {
    const declare = () => {
      class WrongGateway {
        @OnEvent(name as string)
        handle() {}
      }
      return WrongGateway;
    };
    expect(declare).toThrow(/FSK_INVALID_EVENT.*WrongGateway\.handle/);
  });

  it('V10 @OnEvent() takes the name of the method', async () => {
    class MethodGateway {
      @OnEvent()
      whoAmI() {
        return request.event.message;
      }
    }
    const running = await startApp({ providers: [MethodGateway] });
    expect(await ask(await running.connect(), 'whoAmI')).toEqual(['whoAmI']);
  });

  it('V2 a decorator on something that is no method is refused', () => {
    const declare = () => {
      class PropertyGateway {
        handle = 1;
      }
      (OnEvent('x') as PropertyDecorator)(PropertyGateway.prototype, 'handle');
      return PropertyGateway;
    };
    expect(declare).toThrow(/FSK_HANDLER_NOT_FUNCTION.*PropertyGateway\.handle/);
  });

  it('V2 a decorator on a static method is refused', () => {
    const declare = () => {
      class StaticGateway {
        @OnEvent('x')
        static handle() {}
      }
      return StaticGateway;
    };
    expect(declare).toThrow(expect.objectContaining({ code: 'FSK_HANDLER_NOT_FUNCTION' }));
  });

  it('N2 an unknown ordering is refused when the decorator is applied', () => {
    const declare = () => {
      class OrderedGateway {
        @OnEvent('x', '/', { ordering: 'parallel' as never })
        handle() {}
      }
      return OrderedGateway;
    };
    expect(declare).toThrow(/FSK_INVALID_ORDERING.*OrderedGateway\.handle/);
  });
});

/** Everything that reaches a handler, whatever its name. */
class WitnessGateway {
  readonly heard: unknown[][] = [];
  #leave = () => {};
  readonly left = new Promise<void>((resolve) => (this.#leave = resolve));

  @OnConnect()
  connected() {
    this.heard.push(['@OnConnect']);
  }

  @OnDisconnect()
  disconnected(reason: string) {
    this.heard.push(['@OnDisconnect', reason]);
    this.#leave();
  }

  @OnEvent('*', '*')
  any(...values: unknown[]) {
    this.heard.push(values);
    return 'handled';
  }
}

/** A client that speaks the wire format itself. */
class RawClient {
  readonly #socket: WebSocket;
  readonly received: string[] = [];
  readonly closed: Promise<void>;

  constructor({ port }: RunningApp) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    this.#socket.on('message', (text: Buffer) => {
      this.received.push(text.toString());
    });
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve()));
  }

  /** Connected to the namespace `/`. */
  static async of(running: RunningApp): Promise<RawClient> {
    const client = new RawClient(running);
    await client.hear(/^0/);
    client.say('40');
    await client.hear(/^40/);
    return client;
  }

  say(packet: string | Buffer): void {
    this.#socket.send(packet);
  }

  /** Resolves with the next packet of this form. */
  hear(form: RegExp): Promise<string> {
    const found = this.received.find((packet) => form.test(packet));
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => {
      const listen = (text: Buffer) => {
        if (!form.test(text.toString())) return;
        this.#socket.off('message', listen);
        resolve(text.toString());
      };
      this.#socket.on('message', listen);
    });
  }

  /** What the server does with a packet: it answers a question that follows, or it hangs up. */
  async afterwards(): Promise<'goes on' | 'hung up'> {
    this.say('42999["probe"]');
    return Promise.race([
      this.hear(/^43999/).then(() => 'goes on' as const),
      this.closed.then(() => 'hung up' as const),
    ]);
  }

  close(): void {
    this.#socket.terminate();
  }
}

describe('what clients send that nobody expects', () => {
  const longName = 'x'.repeat(129);

  it.each([
    ['a reserved name', '42["connect",{"token":"x"}]', 'hung up'],
    ['a reserved name', '42["connect_error",{}]', 'hung up'],
    ['a reserved name', '42["disconnect","x"]', 'hung up'],
    ['a reserved name', '42["disconnecting"]', 'hung up'],
    ['a reserved name', '42["newListener"]', 'hung up'],
    ['a reserved name', '42["removeListener"]', 'hung up'],
    ['a number as name', '42[7,"x"]', 'goes on'],
    ['a name of 129 characters', `42["${longName}"]`, 'goes on'],
    ['a name of 10,000 characters', `42["${longName.repeat(80)}"]`, 'goes on'],
    ['null as name', '42[null]', 'hung up'],
    ['an object as name', '42[{"name":"x"}]', 'hung up'],
    ['an array as name', '42[["x"]]', 'hung up'],
    ['true as name', '42[true]', 'hung up'],
    ['no name', '42[]', 'hung up'],
    ['no array', '42{"0":"x"}', 'hung up'],
    ['no payload', '42', 'goes on'],
    ['text that is no JSON', '42["x",', 'hung up'],
    ['an unknown packet type', '49["x"]', 'hung up'],
    ['an acknowledgement nobody asked for', '4377["x"]', 'goes on'],
    ['a binary event without its bytes', '451-["x",{"_placeholder":true,"num":0}]', 'hung up'],
    ['bytes that nobody announced', Buffer.from('x'), 'hung up'],
  ])('V2 %s never reaches a handler, and the server lives: %s', async (_, packet, outcome) => {
    const running = await startApp({ providers: [WitnessGateway] });
    const client = await RawClient.of(running);

    client.say(packet);
    const happened = await client.afterwards();
    client.close();
    const other = await running.connect();

    const { heard } = running.get(WitnessGateway);
    const events = heard.filter(([name]) => !String(name).startsWith('@'));
    expect(happened).toBe(outcome);
    expect(events).toEqual(outcome === 'goes on' ? [['probe']] : []);
    expect(await ask(other, 'still there')).toEqual(['handled']);
  });

  it('V2 a reserved name runs no connect handler, and the disconnect handler once only', async () => {
    const running = await startApp({ providers: [WitnessGateway] });
    const client = await RawClient.of(running);
    client.say('42["disconnect"]');
    await client.closed;
    await running.close();
    expect(running.get(WitnessGateway).heard).toEqual([
      ['@OnConnect'],
      ['@OnDisconnect', expect.any(String)],
    ]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty'])(
    'V7 %s is an event like any other: without a handler nothing happens',
    async (name) => {
      const running = await startApp({ providers: [EchoGateway] });
      const client = await running.connect();
      const acknowledged: unknown[] = [];
      client.emit(name, { polluted: true }, (...values: unknown[]) => acknowledged.push(values));
      await flushed(client);
      expect(acknowledged).toEqual([]);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      expect(await ask(client, 'echo', 1)).toEqual([[1]]);
    },
  );

  it('V7 without a handler there is no acknowledgement, and the log has a debug line', async () => {
    const running = await startApp({ providers: [EchoGateway], options: { debug: true } });
    const client = await running.connect();
    const acknowledged: unknown[] = [];
    client.emit('no such event\nForged line');
    client.emit('no such event', (...values: unknown[]) => acknowledged.push(values));
    await flushed(client);
    expect(acknowledged).toEqual([]);
    expect(running.log.of('debug')).toEqual([
      `No handler for 'no such event\\u000aForged line' in '/', sid ${client.id}`,
    ]);
  });

  it('V7 a client that waits for an acknowledgement is a warning, once, with the names that exist', async () => {
    const running = await startApp({ providers: [EchoGateway], options: { debug: true } });
    running.get(SocketIO).server.on('connection', (socket) => void socket.on('raw', () => {}));
    const client = await running.connect();

    client.emit('ecco', () => {});
    client.emit('ecco', () => {});
    await flushed(client);

    expect(running.log.of('warn')).toEqual([
      expect.stringMatching(
        /^No handler for 'ecco' in '\/', sid \S+, which waits for an acknowledgement\. There are: .*'echo'.*'raw'\.$/,
      ),
    ]);
    expect(running.log.of('debug')).toHaveLength(1);
  });

  it('V7 the names that a client can have warned about are bounded, and say nothing without debug', async () => {
    const running = await startApp({ providers: [EchoGateway], options: { debug: true } });
    const silent = await startApp({ providers: [EchoGateway] });
    const client = await running.connect();
    const other = await silent.connect();
    silent.log.lines.length = 0;

    for (let index = 0; index < 300; index++) client.emit(`${index}`, () => {});
    other.emit('ecco', () => {});
    await flushed(client, other);

    expect({ warned: running.log.of('warn').length, silent: silent.log.lines }).toEqual({
      warned: 100,
      silent: [],
    });
  });

  it('V7 a handler in another namespace is no handler', async () => {
    const running = await startApp({ providers: [EchoGateway], options: { namespaces: ['/other'] } });
    const client = await running.connect('/other');
    client.emit('echo', 1);
    await flushed(client);
    expect(running.get(EchoGateway).heard).toEqual([]);
  });

  it('V6 an acknowledgement that the client did not ask for is not sent', async () => {
    const running = await startApp({ providers: [EchoGateway] });
    const client = await RawClient.of(running);
    client.say('42["echo",1]');
    client.say('421["echo",2]');
    await client.hear(/^431/);
    expect(client.received.filter((packet) => packet.startsWith('43'))).toEqual(['431[[2]]']);
    client.close();
  });
});

describe('parameters', () => {
  const FromSocket = createParamDecorator((key: string, context: ExecutionContext) => {
    const { handshake } = context.switchToWs().getClient<ServerSocket>();
    return handshake.query[key];
  });

  @SocketGateway('/chat/:room')
  class ParametersGateway {
    @OnEvent('mixed')
    mixed(
      @Sid() sid: string,
      first: string,
      @Namespace() namespace: string,
      second: number,
      @Args() all: unknown,
    ) {
      return { sid, first, namespace, second, all };
    }

    @OnEvent('rest')
    rest(@Sid() sid: string, first: unknown, ...others: unknown[]) {
      return { sid, first, others };
    }

    @OnEvent('defaults')
    defaults(first = 'one', @Sid() _sid?: string, second = 'two') {
      return [first, second];
    }

    @OnEvent('ours')
    ours(@Auth() auth: unknown, @CurrentUser() user: unknown, @Reason() reason: unknown) {
      return [auth, user ?? 'nobody', reason ?? 'none'];
    }

    @OnEvent('nests')
    nests(
      @Param('room') room: string,
      @Param() params: unknown,
      @Query('page') page: string,
      @Headers('X-Custom') header: string,
      @Ip() ip: string,
      @Session() session: Record<string, unknown>,
      @ConnectedSocket() socket: ServerSocket,
      value: unknown,
    ) {
      return [room, params, page, header, ip, session.name ?? 'nobody', socket.id, value];
    }

    @OnEvent('body')
    body(@MessageBody() body: unknown, @MessageBody('name') name: unknown) {
      return [body, name ?? 'none'];
    }

    @OnEvent('custom')
    custom(first: unknown, @FromSocket('page') page: unknown, second: unknown) {
      return [first, page, second];
    }
  }

  async function connect() {
    const running = await startApp({ providers: [ParametersGateway] });
    return running.connect('/chat/7', {
      auth: { token: 'x' },
      query: { page: '3' },
      extraHeaders: { 'x-custom': 'yes' },
    });
  }

  it('V4 gives the arguments to the parameters without a decorator, whatever decorated ones stand between', async () => {
    const client = await connect();
    expect(await ask(client, 'mixed', 'one', 2)).toEqual([
      { sid: client.id, first: 'one', namespace: '/chat/7', second: 2, all: ['one', 2] },
    ]);
  });

  it('V4 gives further arguments to a rest parameter', async () => {
    const client = await connect();
    expect(await ask(client, 'rest', 1, 2, 3)).toEqual([{ sid: client.id, first: 1, others: [2, 3] }]);
  });

  it('V4 missing arguments leave parameters to their defaults', async () => {
    const client = await connect();
    expect(await ask(client, 'defaults', 'first')).toEqual([['first', 'two']]);
  });

  it('V4 the parameter decorators of the library say what they name', async () => {
    expect(await ask(await connect(), 'ours')).toEqual([[{ token: 'x' }, 'nobody', 'none']]);
  });

  it("V4 V12 Nest's own parameter decorators work", async () => {
    const client = await connect();
    expect(await ask(client, 'nests', 'value')).toEqual([
      ['7', { room: '7' }, '3', 'yes', '127.0.0.1', 'nobody', client.id, 'value'],
    ]);
  });

  it('V4 @MessageBody() is the only argument, one of its fields, or the array of several', async () => {
    const client = await connect();
    const answers = [
      await ask(client, 'body', { name: 'Ann' }),
      await ask(client, 'body', 1, 2),
      await ask(client, 'body', null),
    ];
    expect(answers).toEqual([[[{ name: 'Ann' }, 'Ann']], [[[1, 2], 'none']], [[null, 'none']]]);
  });

  it('V4 decorators made with createParamDecorator work, and take no argument away', async () => {
    expect(await ask(await connect(), 'custom', 'one', 'two')).toEqual([['one', '3', 'two']]);
  });

  it('V4 a parameter decorator without a meaning here fails the boot, and the error names the place', async () => {
    class WrongGateway {
      @OnEvent('x')
      handle(@Res() _response: unknown) {}
    }
    const error = await bootError({ providers: [WrongGateway] });
    expect(error.code).toBe('FSK_UNSUPPORTED_PARAMETER');
    expect(error.message).toMatch(/@Res\(\).*WrongGateway\.handle/);
  });

  it('V4 a parameter decorator of the library on a route says that it has no meaning there', async () => {
    @Controller()
    class RouteController {
      @Get()
      page(@Sid() sid: string) {
        return sid;
      }
    }
    const { url } = await startApp({ controllers: [RouteController] });
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([500, expect.any(String)]);
  });
});

describe('acknowledgements', () => {
  const bytes = Buffer.from([1, 2, 3]);

  const results: [string, () => unknown, unknown[]][] = [
    ['args(…)', () => args('one', 2), ['one', 2]],
    ['args() of nothing', () => args(), []],
    ['args(…) with bytes', () => args(bytes, { inner: bytes }), [bytes, { inner: bytes }]],
    ['an array', () => ['one', 2], [['one', 2]]],
    ['an object', () => ({ a: 1 }), [{ a: 1 }]],
    ['an object with an event', () => ({ event: 'x', data: 1 }), [{ event: 'x', data: 1 }]],
    ['a string', () => 'text', ['text']],
    ['an empty string', () => '', ['']],
    ['a number', () => 7, [7]],
    ['zero', () => 0, [0]],
    ['true', () => true, [true]],
    ['false', () => false, [false]],
    ['null', () => null, [null]],
    ['nothing', () => {}, []],
    ['undefined', () => undefined, []],
    ['bytes', () => bytes, [bytes]],
    ['nested bytes', () => ({ deep: [bytes] }), [{ deep: [bytes] }]],
    ['a promise', async () => 'later', ['later']],
    ['a promise of nothing', async () => {}, []],
    ['a promise of args(…)', async () => args(1, 2), [1, 2]],
    // oxlint-disable-next-line unicorn/no-thenable -- what query builders return
    ['a thenable', () => ({ then: (resolve: (value: string) => void) => resolve('then') }), ['then']],
    ['an observable', () => of('last'), ['last']],
    ['an observable of several values', () => of('first', 'second', 'last'), ['last']],
    ['an observable over time', () => from(['first', 'last']).pipe(delay(1)), ['last']],
    ['an observable of args(…)', () => of(args(1, 2)), [1, 2]],
    ['an empty observable', () => NEVER.pipe(takeUntil(of(1))), []],
    ['a promise of an observable', async () => of('first', 'last'), ['last']],
  ];

  it.each(results)('V6 %s', async (_, result, expected) => {
    class ResultGateway {
      @OnEvent('ask')
      handle() {
        return result();
      }
    }
    const running = await startApp({ providers: [ResultGateway] });
    expect(await ask(await running.connect(), 'ask')).toEqual(expected);
  });

  it('V6 an observable is acknowledged when it completes, not before', async () => {
    const values = new Subject<string>();
    class SubjectGateway {
      @OnEvent('ask')
      handle() {
        return values;
      }
    }
    const running = await startApp({ providers: [SubjectGateway] });
    const client = await running.connect();
    const received = inbox(client);
    const answer = ask(client, 'ask').then((value) => received.push(value));
    await flushed(client);
    values.next('first');
    await flushed(client);
    expect(received).toEqual([]);
    values.next('last');
    values.complete();
    await answer;
    expect(received).toEqual([['last']]);
  });

  it('V6 @Ack() acknowledges when the handler says so, and what it returns is not sent', async () => {
    class AckGateway {
      @OnEvent('ask')
      async handle(@Ack() acknowledge?: (...values: unknown[]) => void) {
        await Promise.resolve();
        acknowledge?.('one', 2);
        return acknowledge === undefined ? 'nobody asked' : 'not this';
      }
    }
    const running = await startApp({ providers: [AckGateway] });
    const client = await RawClient.of(running);
    client.say('42["ask"]');
    client.say('425["ask"]');
    client.say('426["ask"]');
    await client.hear(/^436/);
    expect(client.received.filter((packet) => packet.startsWith('43'))).toEqual([
      '435["one",2]',
      '436["one",2]',
    ]);
    client.close();
  });

  it('V6 @Ack() that is not called acknowledges nothing', async () => {
    class SilentGateway {
      @OnEvent('ask')
      handle(@Ack() _acknowledge: unknown) {
        return 'not this';
      }
    }
    const running = await startApp({ providers: [SilentGateway] });
    const client = await running.connect();
    const acknowledged: unknown[] = [];
    client.emit('ask', (...values: unknown[]) => acknowledged.push(values));
    await flushed(client);
    expect(acknowledged).toEqual([]);
  });

  it('V6 each acknowledgement is sent once', async () => {
    const running = await startApp({ providers: [EchoGateway] });
    const client = await RawClient.of(running);
    client.say('425["echo",1]');
    client.say('426["echo",2]');
    await client.hear(/^436/);
    expect(client.received.filter((packet) => packet.startsWith('43'))).toEqual(['435[[1]]', '436[[2]]']);
    client.close();
  });
});

describe('namespaces', () => {
  @SocketGateway('/chat')
  class ChatGateway {
    @OnEvent('where')
    where() {
      return ['class', request.namespace];
    }

    @OnEvent('elsewhere', '/other')
    elsewhere() {
      return ['decorator', request.namespace];
    }

    @OnEvent('root', '/')
    root() {
      return ['decorator', request.namespace];
    }
  }

  class PlainGateway {
    @OnEvent('where')
    where() {
      return ['default', request.namespace];
    }
  }

  @SocketGateway()
  class DefaultGateway {
    @OnEvent('also where')
    where() {
      return ['default', request.namespace];
    }
  }

  it.each([
    ['/chat', 'where', ['class', '/chat']],
    ['/other', 'elsewhere', ['decorator', '/other']],
    ['/', 'root', ['decorator', '/']],
    ['/', 'where', ['default', '/']],
    ['/', 'also where', ['default', '/']],
  ])(
    'V5 in %s, %s is handled by what the class, the decorator or the default says',
    async (name, event, answer) => {
      const running = await startApp({ providers: [ChatGateway, PlainGateway, DefaultGateway] });
      expect(await ask(await running.connect(name), event)).toEqual([answer]);
    },
  );

  it("V5 the decorator's namespace wins over that of the class", async () => {
    const running = await startApp({ providers: [ChatGateway] });
    const client = await running.connect('/chat');
    const acknowledged: unknown[] = [];
    client.emit('elsewhere', (...values: unknown[]) => acknowledged.push(values));
    await flushed(client);
    expect(acknowledged).toEqual([]);
  });

  it.each(['chat', '', '/a b', '/a,b', '/a?b', '/chat*', '**', 7])(
    'V5 the namespace %s is refused',
    (name) => {
      const onClass = () => SocketGateway(name as string)(class WrongGateway {});
      const onMethod = () => {
        class WrongGateway {
          @OnEvent('x', name as string)
          handle() {}
        }
        return WrongGateway;
      };
      const onConnect = () => {
        class WrongGateway {
          @OnConnect(name as string)
          handle() {}
        }
        return WrongGateway;
      };
      for (const declare of [onClass, onMethod, onConnect]) {
        expect(declare).toThrow(expect.objectContaining({ code: 'FSK_INVALID_NAMESPACE' }));
        expect(declare).toThrow(/WrongGateway/);
      }
    },
  );

  it('V12 a namespace may have parameters', async () => {
    @SocketGateway('/job/:id/step/:step_name')
    class JobGateway {
      @OnConnect()
      connect(@Param('id') id: string) {
        return id !== 'refused';
      }

      @OnEvent('which')
      which(@Param('id') id: string, @Param() all: unknown) {
        return [id, all, request.params.id, request.params.step_name, request.namespace];
      }
    }
    const running = await startApp({ providers: [JobGateway] });
    const client = await running.connect('/job/7/step/%C3%BCben');
    expect(await ask(client, 'which')).toEqual([
      ['7', { id: '7', step_name: 'üben' }, '7', 'üben', '/job/7/step/%C3%BCben'],
    ]);
    expect((await refusal(running.open('/job/refused/step/1'))).message).toBe(
      'Connection rejected by server',
    );
  });

  it.each(['/job', '/job/', '/job/1/', '/job/1/2', '/jobs/1', '/x/job/1'])(
    'V12 %s does not fit /job/:id',
    async (name) => {
      @SocketGateway('/job/:id')
      class JobGateway {
        @OnEvent('x')
        handle() {}
      }
      const running = await startApp({ providers: [JobGateway] });
      expect((await refusal(running.open(name))).message).toBe('Invalid namespace');
    },
  );

  it('V12 several gateways share one pattern', async () => {
    @SocketGateway('/job/:id')
    class OneGateway {
      @OnEvent('one')
      one() {
        return ['one', request.params.id];
      }
    }
    @SocketGateway('/job/:id')
    class TwoGateway {
      @OnConnect()
      connect() {}

      @OnEvent('two')
      two() {
        return ['two', request.params.id];
      }
    }
    const running = await startApp({ providers: [OneGateway, TwoGateway] });
    const client = await running.connect('/job/7');
    expect([await ask(client, 'one'), await ask(client, 'two')]).toEqual([[['one', '7']], [['two', '7']]]);
  });

  it('V12 two patterns may fit one namespace; each brings its parameters', async () => {
    class PatternsGateway {
      @OnEvent('one', '/:kind/7')
      one() {
        return request.params;
      }

      @OnEvent('two', '/job/:id')
      two() {
        return request.params;
      }

      @OnEvent('three', '/job/7')
      three() {
        return request.params;
      }
    }
    const running = await startApp({ providers: [PatternsGateway] });
    const client = await running.connect('/job/7');
    const answers = [await ask(client, 'one'), await ask(client, 'two'), await ask(client, 'three')];
    expect(answers).toEqual([
      [{ kind: 'job', id: '7' }],
      [{ kind: 'job', id: '7' }],
      [{ kind: 'job', id: '7' }],
    ]);
  });

  it('V12 clients of one pattern are in namespaces of their own', async () => {
    @SocketGateway('/job/:id')
    class JobGateway {
      @OnEvent('tell')
      tell(@ConnectedSocket() socket: ServerSocket) {
        socket.nsp.emit('told', request.params.id);
      }
    }
    const running = await startApp({ providers: [JobGateway] });
    const [one, two] = [await running.connect('/job/1'), await running.connect('/job/2')];
    const [atOne, atTwo] = [inbox(one), inbox(two)];
    one.emit('tell');
    await flushed(one, two);
    expect([atOne, atTwo]).toEqual([[['told', '1']], []]);
  });

  it('V12 a parameter named __proto__ pollutes nothing', async () => {
    @SocketGateway('/job/:__proto__')
    class JobGateway {
      @OnEvent('x')
      handle() {
        return Object.keys(request.params).length;
      }
    }
    const running = await startApp({ providers: [JobGateway] });
    await ask(await running.connect('/job/polluted'), 'x');
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});

describe("'*'", () => {
  it('V11 as event gets the name and the arguments, and request.event.message is the real name', async () => {
    @SocketGateway('/chat')
    class AnyGateway {
      @OnEvent('*')
      any(event: string, ...values: unknown[]) {
        return { event, values, message: request.event.message, args: request.event.args };
      }
    }
    const running = await startApp({ providers: [AnyGateway] });
    expect(await ask(await running.connect('/chat'), 'anything', 1, 'two')).toEqual([
      { event: 'anything', values: [1, 'two'], message: 'anything', args: [1, 'two'] },
    ]);
  });

  it('V11 as event works with decorated parameters, too', async () => {
    class AnyGateway {
      @OnEvent('*')
      any(@Sid() sid: string, event: string, @Args() all: unknown[], first: unknown) {
        return [sid, event, all, first];
      }
    }
    const running = await startApp({ providers: [AnyGateway] });
    const client = await running.connect();
    expect(await ask(client, 'anything', 1)).toEqual([[client.id, 'anything', [1], 1]]);
  });

  const answering = (answer: string, event: string, namespace: string) => {
    class AnsweringGateway {
      @OnEvent(event, namespace)
      handle() {
        return answer;
      }
    }
    return AnsweringGateway;
  };
  const exact = answering('exact, exact', 'event', '/chat');
  const exactAny = answering('exact, *', '*', '/chat');
  const pattern = answering('pattern, exact', 'event', '/:name');
  const patternAny = answering('pattern, *', '*', '/:name');
  const anyExact = answering('*, exact', 'event', '*');
  const anyAny = answering('*, *', '*', '*');

  it.each([
    [[exact, exactAny, anyExact, anyAny], 'exact, exact'],
    [[exactAny, anyExact, anyAny], 'exact, *'],
    [[anyExact, anyAny], '*, exact'],
    [[anyAny], '*, *'],
    [[exactAny, pattern], 'exact, *'],
    [[pattern, patternAny, anyExact], 'pattern, exact'],
    [[patternAny, anyExact], 'pattern, *'],
  ])('V11 is asked last: the %#th set of handlers', async (providers, answer) => {
    const running = await startApp({
      providers: providers.toReversed(),
      options: { namespaces: ['/chat'] },
    });
    expect(await ask(await running.connect('/chat'), 'event')).toEqual([answer]);
  });

  it('V11 as event leaves the events that have a handler alone', async () => {
    const running = await startApp({ providers: [exact, exactAny] });
    const client = await running.connect('/chat');
    expect([await ask(client, 'event'), await ask(client, 'other')]).toEqual([
      ['exact, exact'],
      ['exact, *'],
    ]);
  });

  it('V11 as namespace serves every connected namespace', async () => {
    const running = await startApp({
      providers: [anyExact, answering('own', 'own', '/chat'), answering('own', 'own', '/job/:id')],
      options: { namespaces: ['/', '/listed'] },
    });
    const answers = await Promise.all(
      ['/', '/listed', '/chat', '/job/7'].map(async (name) => ask(await running.connect(name), 'event')),
    );
    expect(answers).toEqual(Array.from({ length: 4 }, () => ['*, exact']));
  });

  it("V11 as namespace opens no unknown one: option namespaces '*' does", async () => {
    const closed = await startApp({ providers: [anyAny] });
    const open = await startApp({ providers: [anyAny], options: { namespaces: '*' } });
    expect((await refusal(closed.open('/unknown'))).message).toBe('Invalid namespace');
    expect(await ask(await open.connect('/unknown'), 'event')).toEqual(['*, *']);
  });

  it("V11 connect and disconnect never go to '*' events", async () => {
    const running = await startApp({ providers: [WitnessGateway] });
    const client = await running.connect();
    await ask(client, 'event');
    client.disconnect();
    await running.get(WitnessGateway).left;
    expect(running.get(WitnessGateway).heard).toEqual([
      ['@OnConnect'],
      ['event'],
      ['@OnDisconnect', 'client namespace disconnect'],
    ]);
  });

  it("V11 connect and disconnect handlers of '*' serve namespaces without their own", async () => {
    const heard: string[] = [];
    class HooksGateway {
      @OnConnect('*')
      connectAny() {
        heard.push(`* connect ${request.namespace}`);
      }

      @OnDisconnect('*')
      disconnectAny() {
        heard.push(`* disconnect ${request.namespace}`);
      }

      @OnConnect('/chat')
      connect() {
        heard.push('own connect /chat');
      }
    }
    const running = await startApp({ providers: [HooksGateway], options: { namespaces: ['/', '/chat'] } });
    const [root, chat] = [await running.connect('/'), await running.connect('/chat')];
    root.disconnect();
    chat.disconnect();
    await running.close();
    expect(heard).toEqual(['* connect /', 'own connect /chat', '* disconnect /', '* disconnect /chat']);
  });
});

describe('decorators', () => {
  it('V8 stack: each call sees its own event', async () => {
    @SocketGateway()
    class StackedGateway {
      @OnEvent('first')
      @OnEvent('second', '/chat')
      @OnEvent()
      many(value: unknown) {
        return [request.event.message, request.namespace, value];
      }
    }
    const running = await startApp({ providers: [StackedGateway] });
    const client = await running.connect();
    const chat = await running.also(client, '/chat');
    const answers = await Promise.all([
      ask(client, 'first', 1),
      ask(chat, 'second', 2),
      ask(client, 'many', 3),
    ]);
    expect(answers).toEqual([[['first', '/', 1]], [['second', '/chat', 2]], [['many', '/', 3]]]);
  });

  it('V8 an event and a connect handler may be one method', async () => {
    @SocketGateway()
    class BothGateway {
      readonly heard: unknown[] = [];

      @OnConnect()
      @OnEvent('again')
      hello() {
        this.heard.push(request.event.message);
      }
    }
    const running = await startApp({ providers: [BothGateway] });
    await ask(await running.connect(), 'again');
    expect(running.get(BothGateway).heard).toEqual(['connect', 'again']);
  });
});
