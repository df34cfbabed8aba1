import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import {
  args,
  Auth,
  call,
  emit,
  joinRoom,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, connected, inbox, next, startApp, type RunningApp } from '../support/app.js';
import { CLIENT_VERSIONS, version2, type ClientVersion } from '../support/client-versions.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

const bytes = Buffer.from([0, 1, 254, 255]);

class ClientsGateway {
  #leave: (reason: unknown[]) => void = () => {};
  readonly left = new Promise<unknown[]>((resolve) => (this.#leave = resolve));

  @OnConnect()
  connect() {
    emit('welcome', args(request.sid, '/'));
  }

  @OnConnect('/chat')
  connectChat(@Auth() auth?: { token?: string }) {
    if (auth?.token !== 'open sesame') return false;
    joinRoom('lobby');
    emit('welcome', args(request.sid, '/chat', auth.token));
  }

  @OnEvent('echo')
  @OnEvent('echo', '/chat')
  echo(...values: unknown[]) {
    emit('echoed', args(...values));
    return args(...values);
  }

  @OnEvent('nothing')
  nothing() {}

  @OnEvent('question')
  async question() {
    emit('answered', await call('question', args('six times', 7)));
  }

  @OnEvent('transport')
  transport() {
    return request.transport;
  }

  @OnEvent('to lobby', '/chat')
  toLobby(text: string) {
    emit('in lobby', text, { to: 'lobby' });
  }

  @OnDisconnect('/chat')
  leaveChat(reason: string) {
    this.#leave(['/chat', reason]);
  }
}

const start = (options: FlaskSocketOptions = {}) => startApp({ options, providers: [ClientsGateway] });

const transports: [string, string[]][] = [
  ['polling', ['polling']],
  ['WebSocket', ['websocket']],
  ['polling, then WebSocket', ['polling', 'websocket']],
];

interface Opening {
  namespace?: string;
  ways: string[];
  /** What it brings. */
  token?: string;
}

/** A client of some version; not yet connected. */
function open({ url }: RunningApp, { connect, isOld }: ClientVersion, opening: Opening): Socket {
  const { namespace = '/', ways, token = 'open sesame' } = opening;
  const brought = isOld ? { query: { token } } : { auth: { token } };
  const client = connect(url + namespace, {
    transports: ways,
    forceNew: true,
    reconnection: false,
    ...brought,
  });
  onTestFinished(() => void client.close());
  return client;
}

describe.each(CLIENT_VERSIONS)('$name', (version) => {
  const options = { allowEIO3: version.isOld };
  describe.each(transports)('by %s', (_, ways) => {
    const atRoot = async () => {
      const running = await start(options);
      const client = open(running, version, { ways });
      const welcome = next(client, 'welcome');
      const [sid, namespace] = await welcome;
      return { running, client, sid, namespace };
    };

    it('R5 connects, and hears what the connect handler sends', async () => {
      const { running, sid, namespace } = await atRoot();
      expect(namespace).toBe('/');
      expect([...running.get(SocketIO).server.sockets.sockets.keys()]).toEqual([sid]);
    });

    it('R5 sends and receives several arguments, and an acknowledgement of several', async () => {
      const { client } = await atRoot();
      const values = ['text', 2, [3, null], { four: true }];
      const echoed = next(client, 'echoed');
      expect(await ask(client, 'echo', ...values)).toEqual(values);
      expect(await echoed).toEqual(values);
    });

    it('R5 gets an acknowledgement of nothing', async () => {
      const { client } = await atRoot();
      expect(await ask(client, 'nothing')).toEqual([]);
    });

    it('R5 sends and receives bytes, nested ones too', async () => {
      const { client } = await atRoot();
      const echoed = next(client, 'echoed');
      const answer = await ask(client, 'echo', bytes, { inner: [bytes] });
      for (const [first, second] of [answer, await echoed] as [Buffer, { inner: Buffer[] }][]) {
        expect([Buffer.from(first), Buffer.from(second.inner[0]!)]).toEqual([bytes, bytes]);
      }
    });

    it('R5 answers a question of the server', async () => {
      const { client } = await atRoot();
      client.on('question', (text: string, number: number, answer: (...values: unknown[]) => void) =>
        answer(text, number * 6),
      );
      const answered = next(client, 'answered');
      client.emit('question');
      expect(await answered).toEqual([['six times', 42]]);
    });

    it('R5 connects to another namespace with what it brings, hears its room, and leaves it', async () => {
      const running = await start(options);
      const chat = open(running, version, { namespace: '/chat', ways });
      const [sid, namespace, token] = await next(chat, 'welcome');
      const heard = next(chat, 'in lobby');
      chat.emit('to lobby', 'hello');
      expect([namespace, token, await heard]).toEqual(['/chat', 'open sesame', ['hello']]);
      expect(running.get(SocketIO).rooms({ sid: sid as string, namespace: '/chat' })).toEqual([sid, 'lobby']);
      chat.disconnect();
      expect(await running.get(ClientsGateway).left).toEqual([
        '/chat',
        expect.stringMatching(/client|transport/),
      ]);
    });

    it('R5 goes over to WebSocket where it may', async () => {
      const { client } = await atRoot();
      const { engine } = client.io;
      if (ways.length > 1 && engine.transport.name === 'polling') {
        await new Promise((resolve) => engine.once('upgrade', resolve));
      }
      expect(await ask(client, 'transport')).toEqual([ways.at(-1)]);
    });
  });
});

describe('socket.io-client 2', () => {
  it.each(transports.slice(0, 2))('R5 is refused by %s without allowEIO3', async (_, ways) => {
    const running = await start();
    const client = open(running, version2, { ways });
    const outcome = await Promise.race([
      next(client, 'connect').then(() => 'connected'),
      next(client, 'connect_error').then(() => 'refused'),
    ]);
    expect(outcome).toBe('refused');
    expect(running.get(SocketIO).server.engine.clientsCount).toBe(0);
  });

  it.each(transports.slice(0, 2))('R5 C2 hears by %s why the connect handler refused it', async (_, ways) => {
    const running = await start({ allowEIO3: true });
    const client = open(running, version2, { namespace: '/chat', ways, token: 'wrong' });
    expect(await next(client, 'error')).toEqual(['Connection rejected by server']);
  });

  it.each([
    ['text', 'hello'],
    ['bytes', { inner: bytes }],
  ])('R5 and all later clients hear each other, on each transport (%s)', async (_, data) => {
    const running = await start({ allowEIO3: true });
    const clients = CLIENT_VERSIONS.flatMap((version) =>
      ['polling', 'websocket'].map((way) => open(running, version, { namespace: '/chat', ways: [way] })),
    );
    await Promise.all(clients.map((client) => next(client, 'welcome')));
    for (const sender of clients) {
      const heard = Promise.all(clients.map((client) => next(client, 'in lobby')));
      sender.emit('to lobby', data);
      expect(await heard).toEqual(clients.map(() => [data]));
    }
  });
});

describe('socket.io-client 4', () => {
  it('R5 has several namespaces on one connection, and leaves one alone', async () => {
    const running = await start();
    const client = await running.connect();
    const chat = await running.also(client, '/chat', { auth: { token: 'open sesame' } });
    const { engine } = running.get(SocketIO).server;
    const received = inbox(client);
    chat.disconnect();
    expect(await running.get(ClientsGateway).left).toEqual(['/chat', 'client namespace disconnect']);
    expect(await ask(client, 'echo', 'still here')).toEqual(['still here']);
    expect([engine.clientsCount, received]).toEqual([1, [['echoed', 'still here']]]);
  });

  it('R5 may connect, leave and connect again', async () => {
    const running = await start();
    const client = await running.connect();
    client.disconnect();
    client.connect();
    await connected(client);
    expect(await ask(client, 'echo', 'again')).toEqual(['again']);
  });
});

describe.skipIf(!have('python-socketio'))('the Python client', () => {
  it.each([
    ['polling', 'polling'],
    ['websocket', 'websocket'],
    ['polling,websocket', 'websocket'],
  ])('R5 speaks by %s of all that it can', async (ways, transport) => {
    const running = await start();
    const report = await runPython(running, ways);
    expect(report).toEqual({
      transport,
      refused: 'Connection rejected by server',
      welcomed: [expect.any(String), '/'],
      'welcomed in /chat': [expect.any(String), '/chat', 'open sesame'],
      acknowledgement: ['text', 2, [3, null], { four: true }],
      echoed: ['text', 2, [3, null], { four: true }],
      'acknowledgement of nothing': [],
      bytes: ['0001feff', '0001feff'],
      answered: [['six times', 42]],
      'in lobby': ['hello'],
      'still there': ['yes'],
    });
    const left = await running.get(ClientsGateway).left;
    const sids = [...running.get(SocketIO).server.sockets.sockets.keys()];
    expect([left, sids]).toEqual([
      ['/chat', expect.stringMatching(/client namespace disconnect|transport/)],
      [],
    ]);
  });
});

/** What the Python client reports, one line of JSON each; it has left when this resolves. */
async function runPython({ url }: RunningApp, ways: string): Promise<Record<string, unknown>> {
  const child = spawn('/usr/bin/python3', [`${root}test/parity/client.py`, url, ways]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const report: Record<string, unknown> = {};
  let complaints = '';
  child.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
  createInterface(child.stdout).on('line', (line) => Object.assign(report, JSON.parse(line)));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`The Python client failed:\n${complaints}`);
  return report;
}
