import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ask, inbox, next, startApp, type RunningApp } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { manifest } from '../support/manifest.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

const bin = root + manifest.bin!['flask-socket']!;

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line as `npx flask-socket` does. */
async function flaskSocket(args: string[], { env = {}, stdin = '' } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, MESSAGE_QUEUE: '', ...env },
  });
  child.stdin.end(stdin);
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

const silently = { code: 0, stdout: '', stderr: '' };

let broker: Broker;

beforeAll(async () => {
  if (!have('redis-server')) return;
  broker = await redisBroker();
  await broker.start();
});

afterAll(() => broker?.kill());

@SocketGateway('/test')
class TestGateway {
  constructor(private readonly socketio: SocketIO) {}

  @OnEvent('join')
  join(room: string, sid: string) {
    return this.socketio.joinRoom(room, { sid, namespace: '/test' });
  }
}

describe.skipIf(!have('redis-server'))('flask-socket', () => {
  let server: RunningApp;

  async function start(): Promise<void> {
    const identify = ({ auth }: { auth?: unknown }) => (auth as { user?: number } | undefined)?.user;
    server = await startApp({
      providers: [TestGateway],
      options: { messageQueue: broker.url, identify: identify as never },
    });
  }

  const onTest = (...args: string[]) => [...args, '--queue', broker.url, '--namespace', '/test'];

  it('O1 emits an event with one value to a namespace', async () => {
    await start();
    const client = await server.connect('/test');
    const event = next(client, 'my event');

    const ended = await flaskSocket(onTest('emit', 'my event', '{"data":"foo"}'));

    expect(ended).toEqual(silently);
    expect(await event).toEqual([{ data: 'foo' }]);
  });

  it('O1 emits several values, none, and one of the standard input', async () => {
    await start();
    const client = await server.connect('/test');
    const received = inbox(client);
    const last = next(client, 'last');

    await flaskSocket(onTest('emit', 'several', '1', '"two"', '[3,4]', 'null'));
    await flaskSocket(onTest('emit', 'none'));
    await flaskSocket(onTest('emit', 'piped', '1', '-'), { stdin: '{ "a":\n [1] }\n' });
    await flaskSocket(onTest('emit', 'last'));
    await last;

    expect(received).toEqual([
      ['several', 1, 'two', [3, 4], null],
      ['none'],
      ['piped', 1, { a: [1] }],
      ['last'],
    ]);
  });

  it('O1 sends messages, as text and as JSON', async () => {
    await start();
    const client = await server.connect('/test');
    const received = inbox(client);
    const json = next(client, 'json');

    expect(await flaskSocket(onTest('send', '"text"'))).toEqual(silently);
    expect(await flaskSocket(onTest('send', '--json', '-'), { stdin: '{"a":1}' })).toEqual(silently);
    await json;

    expect(received).toEqual([
      ['message', 'text'],
      ['json', { a: 1 }],
    ]);
  });

  it('O1 reaches rooms, sids and users, and leaves clients out', async () => {
    await start();
    const [ann, ben, cid] = [
      await server.connect('/test'),
      await server.connect('/test', { auth: { user: 7 } }),
      await server.connect('/test'),
    ];
    await ask(ann, 'join', 'lobby', ann.id);
    const received = [ann, ben, cid].map((client) => inbox(client));
    const all = [ann, ben, cid].map((client) => next(client, 'last'));

    await flaskSocket(onTest('emit', 'room and sid', '--to', 'lobby', '--to', cid.id!));
    await flaskSocket(onTest('emit', 'user', '--user', '7'));
    await flaskSocket(onTest('emit', 'others', '--skip-sid', ann.id!, '--skip-sid', cid.id!));
    await flaskSocket(onTest('emit', 'last'));
    await Promise.all(all);

    expect(received.map((events) => events.map(([name]) => name))).toEqual([
      ['room and sid', 'last'],
      ['user', 'others', 'last'],
      ['room and sid', 'last'],
    ]);
  });

  it('O1 closes rooms and disconnects clients', async () => {
    await start();
    const [ann, ben] = [await server.connect('/test'), await server.connect('/test')];
    await ask(ann, 'join', 'lobby', ann.id);
    const received = inbox(ann);
    const [gone, last] = [next(ben, 'disconnect'), next(ann, 'last')];

    expect(await flaskSocket(onTest('close-room', 'lobby'))).toEqual(silently);
    expect(await flaskSocket(onTest('disconnect', ben.id!))).toEqual(silently);
    await flaskSocket(onTest('emit', 'to the room', '--to', 'lobby'));
    await flaskSocket(onTest('emit', 'last'));

    expect((await gone)[0]).toBe('io server disconnect');
    await last;
    expect(received).toEqual([['last']]);
  });

  it('O1 P5 takes queue and secret from the environment, and a channel', async () => {
    const queueSecret = 'a secret of 24 characters';
    const options = { messageQueue: broker.url, channel: 'shop', queueSecret };
    const client = await (await startApp({ options })).connect('/');
    const event = next(client, 'my event');
    const env = { MESSAGE_QUEUE: broker.url, FLASK_SOCKET_SECRET: queueSecret };

    expect(await flaskSocket(['emit', 'my event', '1', '--channel', 'shop'], { env })).toEqual(silently);

    expect(await event).toEqual([1]);
  });
});

describe('flask-socket without a broker', () => {
  const nowhere = 'redis://user:a-password@127.0.0.1:1';

  it('O1 fails with code 1 in time, with one line that holds no password', async () => {
    const ended = await flaskSocket(['emit', 'my event', '1', '--queue', nowhere, '--timeout', '1500']);

    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(
      /^flask-socket: FSK_NOT_SENT: emit\('my event'\) .*redis:\/\/user:\*\*\*@127\.0\.0\.1:1 .*ECONNREFUSED.*\n$/,
    );
    expect(ended.stderr).not.toContain('a-password');
  });

  it('O1 fails with code 1 in time where a broker says nothing', async () => {
    const mute = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    onTestFinished(() => void mute.close());
    await new Promise((resolve) => mute.once('listening', resolve));
    const url = `redis://127.0.0.1:${(mute.address() as AddressInfo).port}`;

    const { code, stderr } = await flaskSocket(['send', '1', '--queue', url, '--timeout', '800']);

    expect(code).toBe(1);
    expect(stderr).toMatch(/^flask-socket: FSK_NOT_SENT: .*within 800 ms.*\n$/);
  });

  it('O1 shows how it is used', async () => {
    const { code, stdout, stderr } = await flaskSocket(['emit', '--help']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['emit', 'send', 'close-room', 'disconnect', '--queue', '--skip-sid', 'Exit codes'])
      expect(stdout).toContain(word);
  });

  it('O1 tells its version', async () => {
    expect(await flaskSocket(['--version'])).toEqual({ ...silently, stdout: `${manifest.version}\n` });
  });

  it('O1 ends with code 2 and one line for a command line that is wrong', async () => {
    const ended = await flaskSocket(['emit', 'my event', '{"data":'], { env: { MESSAGE_QUEUE: nowhere } });

    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^flask-socket: Value 1 \(\{"data":\) is no JSON: .*\n$/);
  });
});
