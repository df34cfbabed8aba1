import type { Provider } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  disconnect,
  OnConnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../../support/app.js';
import { expectNoFaults } from '../../support/faults.js';
import { Gate, Journal } from '../../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE, type Dialect } from '../../support/raw-client.js';

expectNoFaults();

@SocketGateway('*')
class AnyGateway {
  gate: Promise<void> | undefined;

  @OnConnect()
  async connect() {
    await this.gate;
  }

  @OnEvent('echo')
  echo(value: unknown) {
    return value;
  }
}

@SocketGateway('/closed')
class ClosedGateway {
  @OnConnect()
  connect() {
    return false;
  }
}

@SocketGateway('/kicked')
class KickedGateway {
  @OnConnect()
  connect() {
    disconnect();
  }
}

@WebSocketGateway({ namespace: '/nest' })
class NestGateway {
  @SubscribeMessage('nest')
  nest() {}
}

const providers = [AnyGateway, ClosedGateway, KickedGateway, NestGateway];

/** Three namespaces at most. */
const start = (dialect: Dialect, options: FlaskSocketOptions = {}, gateways: Provider[] = providers) =>
  startApp({
    providers: gateways,
    options: {
      ...optionsFor(dialect),
      limits: { namespacesPerConnection: 3 },
      namespaces: '*',
      ...options,
    },
  });

const request = (client: RawClient, nsp: string, data?: object) =>
  client.send({ type: TYPE.connect, nsp, ...(data && { data }) });

/** What a client is told of a namespace that it requests. */
async function told(client: RawClient, nsp: string): Promise<string> {
  const before = new Set(client.received.entries);
  request(client, nsp);
  const answer = await client.received.find(
    (packet) => !before.has(packet) && packet.nsp === nsp && packet.type !== TYPE.disconnect,
  );
  return answer.type === TYPE.connect ? 'connected' : messageOf(answer.data);
}

const messageOf = (data: unknown) =>
  typeof data === 'string' ? data : (data as { message: string }).message;

const existing = (app: RunningApp) => [...app.get(SocketIO).server._nsps.keys()].toSorted();
const reached = (app: RunningApp) => app.get(SocketIO).limits.reached.namespacesPerConnection;

const TOO_MANY = 'Too many namespaces';

describe.each(DIALECTS)('the namespaces of a client of %s', (dialect) => {
  it('L5 are as many as limits.namespacesPerConnection: a further one is refused, and nothing is there of it', async () => {
    const app = await start(dialect);
    const client = await RawClient.connect(app.port, dialect);
    const answers = [];
    for (const nsp of ['/a', '/nest', '/c', '/d']) answers.push(await told(client, nsp));

    expect(answers).toEqual(['connected', 'connected', TOO_MANY, TOO_MANY]);
    expect(existing(app)).toEqual(['/', '/a', '/closed', '/kicked', '/nest']);
    expect([reached(app), app.get(SocketIO).server.engine.clientsCount]).toEqual([2, 1]);
    expect(app.log.of('warn')).toEqual([
      expect.stringMatching(/further namespace, '\/c': refused.*limits\.namespacesPerConnection: 3/),
    ]);
  });

  it('L5 count again when one is left, and those that refuse or disconnect do not', async () => {
    const app = await start(dialect);
    const client = await RawClient.connect(app.port, dialect);
    const answers = [];
    for (const nsp of ['/a', '/closed', '/closed', '/kicked', '/kicked', '/b', '/c'])
      answers.push(await told(client, nsp));
    client.send({ type: TYPE.disconnect, nsp: '/a' });
    answers.push(await told(client, '/c'));

    expect([answers.slice(5), existing(app)]).toEqual([
      ['connected', TOO_MANY, 'connected'],
      ['/', '/b', '/c', '/closed', '/kicked', '/nest'],
    ]);
  });

  it('L5 include those whose @OnConnect() has not decided yet, the same one twice, too', async () => {
    const app = await start(dialect);
    const gate = new Gate();
    const client = await RawClient.connect(app.port, dialect);
    app.get(AnyGateway).gate = gate.opened;
    for (const nsp of ['/a', '/a']) request(client, nsp);

    expect(await told(client, '/b')).toBe(TOO_MANY);
    gate.open();
    await client.received.find(({ type, nsp }) => type === TYPE.connect && nsp === '/a');
  });

  it('L5 include those about which a function of the application has not decided yet', async () => {
    const app = await start(dialect, { namespaces: ['/'] }, []);
    const gate = new Gate();
    const asked = new Journal<string>();
    app.get(SocketIO).server.of((name, _auth, next) => {
      asked.add(name);
      void gate.opened.then(() => next(null, name !== '/no'));
    });
    const client = await RawClient.connect(app.port, dialect);
    for (const nsp of ['/no', '/x1']) request(client, nsp);
    client.send({ type: TYPE.event, nsp: '/x1', data: ['early'] });

    expect([await told(client, '/x2'), asked.entries]).toEqual([TOO_MANY, ['/no', '/x1']]);
    gate.open();
    await client.received.find(({ type, nsp }) => type === TYPE.connectError && nsp === '/no');
    expect([await told(client, '/x2'), await told(client, '/x3')]).toEqual(['connected', TOO_MANY]);
    expect(existing(app)).not.toContain('/x3');
  });

  it("L5 include an application's own dynamic namespaces", async () => {
    const app = await start(dialect, { namespaces: ['/'] }, []);
    app.get(SocketIO).server.of(/^\/own-/);
    const client = await RawClient.connect(app.port, dialect);
    const answers = [];
    for (const nsp of ['/own-1', '/own-2', '/own-3']) answers.push(await told(client, nsp));

    expect(answers).toEqual(['connected', 'connected', TOO_MANY]);
    expect(existing(app)).not.toContain('/own-3');
  });

  it('L5 are not counted with limits: false', async () => {
    const app = await start(dialect, { limits: false });
    const client = await RawClient.connect(app.port, dialect);
    for (let index = 0; index < 150; index++) request(client, `/n${index}`);

    await client.received.find(({ nsp }) => nsp === '/n149');
    expect([existing(app).length, reached(app)]).toEqual([154, 0]);
  });

  it('L7 a function that decides about namespaces is asked with auth that is measured and has no __proto__', async () => {
    const app = await start(dialect, { limits: { payloadKeys: 4 }, namespaces: ['/'] }, []);
    const seen = new Journal<object>();
    app.get(SocketIO).server.of((name, auth, next) => {
      seen.add(auth);
      next(null, name === '/f');
    });
    const client = await RawClient.connect(app.port, dialect);
    const auth = (data: string) => request(client, '/f', JSON.parse(data) as object);
    if (dialect === 'protocol 3') request(client, '/f?__proto__=1&a=1');
    else {
      auth('{"a":1,"b":2,"c":3,"d":4,"e":5}');
      await client.received.find(({ type, nsp }) => type === TYPE.connectError && nsp === '/f');
      auth('{"__proto__":{"x":1},"a":"1"}');
    }
    await client.received.find(({ type, nsp }) => type === TYPE.connect && nsp === '/f');

    expect(seen.entries.map((entry) => [Object.keys(entry), Object.getPrototypeOf(entry)])).toEqual([
      [['a'], Object.prototype],
    ]);
  });
});

describe('the name of a namespace', () => {
  it('L5 begins with a slash: no other one is made for it', async () => {
    const app = await start('msgpack');
    const client = await RawClient.connect(app.port, 'msgpack');

    expect([await told(client, 'a'), existing(app)]).toEqual([
      'Invalid namespace',
      ['/', '/closed', '/kicked', '/nest'],
    ]);
  });
});
