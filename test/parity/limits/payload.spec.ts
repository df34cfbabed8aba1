import { inspect } from 'node:util';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  args,
  call,
  OnConnect,
  OnEvent,
  request,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, startApp } from '../../support/app.js';
import { expectNoFaults } from '../../support/faults.js';
import { Journal } from '../../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE } from '../../support/raw-client.js';
import { Wire } from '../../support/wire.js';

expectNoFaults();

/** A value with the keys and prototypes of all that is in it. */
const shown = (value: unknown) => inspect(value, { depth: null, breakLength: Infinity, compact: 9 });

const parsed = (json: string) => JSON.parse(json) as unknown;

/** What applications do with the data of a client, some of them like this. */
function merge(target: Record<string, unknown>, source: Record<string, unknown>): void {
  for (const key in source) {
    const value = source[key];
    if (typeof value === 'object' && value !== null && typeof target[key] === 'object')
      merge(target[key] as Record<string, unknown>, value as Record<string, unknown>);
    else target[key] = value;
  }
}

@SocketGateway()
class TargetGateway {
  readonly seen = new Journal<string>();

  @OnConnect()
  connect(auth: unknown) {
    this.seen.add(shown(auth));
  }

  @OnEvent('take')
  take(...values: unknown[]) {
    for (const value of values) merge({}, value as Record<string, unknown>);
    this.seen.add(shown(values));
    return values.length;
  }

  @OnEvent('call')
  async call() {
    this.seen.add(shown(await call('question')));
  }

  @OnEvent('request')
  request() {
    return args(
      shown(request.query),
      shown({ ...request.cookies }),
      `${request.headers['__proto__'] === Object.prototype}`,
    );
  }
}

@WebSocketGateway()
class NestGateway {
  readonly seen = new Journal<string>();

  @SubscribeMessage('nest')
  take(@MessageBody() value: unknown) {
    this.seen.add(shown(value));
  }
}

const providers = [TargetGateway, NestGateway];

const nested = (depth: number) => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { a: value };
  return value;
};
const ones = (count: number) => Array.from({ length: count }, () => 1);

const TOO_DEEP = { status: 'error', message: 'The data is nested too deeply' };
const TOO_MANY = { status: 'error', message: 'The data has too many keys and items' };

describe.each(DIALECTS)('the data of a client of %s', (dialect) => {
  const start = (options: FlaskSocketOptions = {}) =>
    startApp({ providers, options: { ...optionsFor(dialect), ...options } });

  it.each([
    ['payloadDepth', [nested(4)], [nested(3)], TOO_DEEP],
    ['payloadKeys', [ones(9)], [ones(8)], TOO_MANY],
  ] as const)('L7 is refused above limits.%s, however short it is', async (limit, above, below, safe) => {
    const app = await start({ limits: { payloadDepth: 3, payloadKeys: 10 } });
    const client = await RawClient.connect(app.port, dialect);

    for (const [id, values] of [above, above, below].entries())
      client.send({ type: TYPE.event, nsp: '/', data: ['take', ...values], id });
    const answers = [await client.dataOf(0), await client.dataOf(1), await client.dataOf(2)];

    expect(answers).toEqual([[safe], [safe], [1]]);
    expect(app.get(SocketIO).limits.reached[limit]).toBe(2);
    expect(app.log.of('warn')).toEqual([
      expect.stringMatching(new RegExp(`in 'take' of '/', sid .*refused \\(limits\\.${limit}:`)),
    ]);
  });

  it.each<[string, FlaskSocketOptions['limits']]>([
    ['limits: false', false],
    ['the limits off', { payloadDepth: false, payloadKeys: false }],
  ])('L7 is not measured with %s', async (_, limits) => {
    const app = await start({ limits });
    const client = await RawClient.connect(app.port, dialect);

    client.send({ type: TYPE.event, nsp: '/', data: ['take', nested(500), ones(20_000)], id: 1 });

    expect(await client.dataOf(1)).toEqual([2]);
  });

  it('L7 has no key __proto__ when it reaches a handler, a gateway of Nest or a raw listener', async () => {
    const raw = new Journal<string>();
    const app = await start();
    app.get(SocketIO).server.on('connection', (socket) => {
      socket.use(([event, value], next) => {
        if (event === 'raw') raw.add(`middleware ${shown(value)}`);
        next();
      });
      socket.on('raw', (value) => raw.add(shown(value)));
    });
    const client = await RawClient.connect(app.port, dialect);
    const data = parsed(
      '{"__proto__":{"polluted":1},"a":[{"b":{"__proto__":[1],"c":2}}],"n":{"__proto__":null}}',
    );
    const left = '{ a: [ { b: { c: 2 } } ], n: {} }';

    client.send({ type: TYPE.event, nsp: '/', data: ['take', data, parsed('{"__proto__":{"polluted":1}}')] });
    client.send({ type: TYPE.event, nsp: '/', data: ['nest', data] });
    client.send({ type: TYPE.event, nsp: '/', data: ['raw', data] });

    expect(await app.get(TargetGateway).seen.reached(2)).toEqual(['undefined', `[ ${left}, {} ]`]);
    expect(await app.get(NestGateway).seen.reached(1)).toEqual([left]);
    expect(await raw.reached(2)).toEqual([`middleware ${left}`, left]);
    expect('polluted' in {}).toBe(false);
  });

  it('L7 has none as an acknowledgement', async () => {
    const app = await start();
    const client = await RawClient.connect(app.port, dialect);
    client.send({ type: TYPE.event, nsp: '/', data: ['call'] });
    const { id } = await client.received.find(({ data }) => (data as unknown[])?.[0] === 'question');

    client.send({ type: TYPE.ack, nsp: '/', data: [parsed('{"__proto__":{"a":1},"b":1}')], id: id! });

    expect(await app.get(TargetGateway).seen.reached(2)).toEqual(['undefined', '{ b: 1 }']);
  });

  it('L7 keeps constructor.prototype as data', async () => {
    const app = await start();
    const client = await RawClient.connect(app.port, dialect);
    const data = { constructor: { prototype: { a: 1 } }, prototype: { b: 1 } };

    client.send({ type: TYPE.event, nsp: '/', data: ['nest', data] });

    expect(await app.get(NestGateway).seen.reached(1)).toEqual([
      '{ constructor: { prototype: { a: 1 } }, prototype: { b: 1 } }',
    ]);
  });

  it('L7 has none in auth, and what auth exceeds is counted', async () => {
    const seen = new Journal<string>();
    @SocketGateway('/x')
    class AuthGateway {
      @OnConnect()
      connect(auth: object) {
        seen.add(shown({ ...auth }));
      }
    }
    const app = await startApp({
      providers: [AuthGateway],
      options: { ...optionsFor(dialect), limits: { payloadKeys: 10 } },
    });
    const isQuery = dialect === 'protocol 3';
    const client = await RawClient.open(app.port, dialect);
    const connect = (query: string, data: unknown) =>
      client.send({
        type: TYPE.connect,
        nsp: isQuery ? `/x?${query}` : '/x',
        data: isQuery ? undefined : data,
      });
    const keys = Array.from({ length: 11 }, (_, key) => `k${key}`);

    connect(keys.join('&'), Object.fromEntries(keys.map((key) => [key, 1])));
    const { data } = await client.received.find(({ type }) => type === TYPE.connectError);
    connect('__proto__=1&a=2', parsed('{"__proto__":{"z":1},"a":"2"}'));
    await client.received.find(({ type, nsp }) => type === TYPE.connect && nsp.startsWith('/x'));

    expect({ data, seen: seen.entries, reached: app.get(SocketIO).limits.reached.payloadKeys }).toEqual({
      data: isQuery ? TOO_MANY.message : { message: TOO_MANY.message },
      seen: ["{ a: '2' }"],
      reached: 1,
    });
  });
});

it.each([
  '\\u005f_proto__',
  '__prot\\u006F__',
  '\\u005F\\u005f\\u0070\\u0072\\u006f\\u0074\\u006f\\u005f\\u005f',
])('L7 a key __proto__ is found as well where it is written %s', async (key) => {
  const app = await startApp({ providers });
  const client = await RawClient.connect(app.port);

  client.sendRaw(`2["nest",{"${key}":{"polluted":true},"a":1}]`);

  expect(await app.get(NestGateway).seen.reached(1)).toEqual(['{ a: 1 }']);
});

describe('the handshake', () => {
  it('L7 has no parameter, cookie or header __proto__', async () => {
    const app = await startApp({ providers });
    const raw = new Journal<string>();
    app
      .get(SocketIO)
      .server.on('connection', ({ handshake }) => raw.add(shown(Object.keys(handshake.query))));
    const client = await app.connect('/', {
      query: { a: '1', ['__proto__']: 'x' },
      extraHeaders: { cookie: '__proto__=x; b=2', ['__proto__']: 'x' },
    });
    const query = "{ a: '1', EIO: '4', transport: 'websocket' }";

    expect(await ask(client, 'request')).toEqual([query, "{ b: '2' }", 'true']);
    expect(raw.entries).toEqual(["[ 'a', 'EIO', 'transport' ]"]);
  });

  it('L7 has none that is repeated', async () => {
    const app = await startApp({ providers });
    const wire = await Wire.open(app, { query: '&a=1&__proto__=a&__proto__=b' });
    await wire.join();

    wire.send('421["request"]');
    const answer = await wire.find((packet) => packet.startsWith('431'));

    expect(JSON.parse(answer.slice(3))).toEqual([
      expect.stringMatching(/^{ EIO: '4', transport: 'websocket', a: '1' }$/),
      '{}',
      'true',
    ]);
  });
});
