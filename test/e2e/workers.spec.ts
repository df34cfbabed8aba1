import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket as NetSocket } from 'node:net';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, connected, next } from '../support/app.js';
import { redisBroker } from '../support/brokers.js';
import { compiled, type Compiled } from '../support/compiled.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';
import { whenClosed } from '../support/when-closed.js';

const SOON = { timeout: 60_000, interval: 20 };
const WORKERS = 4;

let program: Compiled;
beforeAll(() => {
  program = compiled(`${root}test/e2e/workers/main.ts`);
});
afterAll(() => program.remove());

/** An application with workers, started as users do, and its clients. */
class Team {
  output = '';
  url = '';

  constructor(readonly primary: ChildProcess) {
    const keep = (text: Buffer) => (this.output += text.toString());
    primary.stdout!.on('data', keep);
    primary.stderr!.on('data', keep);
  }

  /** One for a single test. */
  static start(options: object = {}): Promise<Team> {
    const team = Team.#spawn(options);
    onTestFinished(() => team.kill());
    return team.#ready();
  }

  /** One for all tests of a file that leave it as it was; to be killed. */
  static startToShare(): Promise<Team> {
    return Team.#spawn({}).#ready();
  }

  static #spawn(options: object): Team {
    return new Team(spawn(process.execPath, [program.main, JSON.stringify(options)]));
  }

  async #ready(): Promise<this> {
    await vi.waitUntil(() => this.output.match(/Socket\.IO on/g)?.length === WORKERS, SOON);
    const [, address] = /workers on ([\d.:]+),/.exec(this.output)!;
    this.url = `http://${address}`;
    return this;
  }

  open(options: Partial<ManagerOptions & SocketOptions> = {}): Socket {
    const client = io(this.url, { forceNew: true, ...options });
    onTestFinished(() => void client.close());
    return client;
  }

  /** So many clients, of all kinds of transport; each with a token, by which it is known when it comes back. */
  async connect(count: number): Promise<Socket[]> {
    const kinds = [['polling'], ['websocket'], ['polling', 'websocket']];
    const clients = Array.from({ length: count }, (_, index) =>
      this.open({ transports: kinds[index % 3]!, auth: { token: `client ${index}` } }),
    );
    await Promise.all(clients.map(connected));
    return clients;
  }

  /** The processes of all workers. */
  async pids(): Promise<Set<number>> {
    const clients = Array.from({ length: WORKERS * 2 }, () => this.open({ transports: ['websocket'] }));
    await Promise.all(clients.map(connected));
    const pids = await Promise.all(clients.map(pidOf));
    for (const client of clients) client.close();
    return new Set(pids);
  }

  /** A bare connection to the port. */
  async dial(): Promise<NetSocket> {
    const { hostname, port } = new URL(this.url);
    const socket = connect(Number(port), hostname).on('error', () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  /** Resolves when the primary process has read what was sent to it before. */
  async read(): Promise<void> {
    const socket = await this.dial();
    socket.resume().write(Buffer.alloc(64 * 1024, 'a')); // no request: it ends the connection
    await whenClosed(socket);
  }

  end(signal: NodeJS.Signals): void {
    this.primary.kill(signal);
  }

  /** Its workers see it go, and end. */
  kill(): void {
    this.primary.kill('SIGKILL');
  }

  async exit(): Promise<number | null> {
    if (this.primary.exitCode === null) await once(this.primary, 'exit');
    return this.primary.exitCode;
  }
}

const pidOf = async (client: Socket) => ((await ask(client, 'who')) as [number])[0];

/** What each client heard of `news`. */
function hearing(clients: readonly Socket[]): Map<Socket, unknown[]> {
  const heard = new Map(clients.map((client) => [client, [] as unknown[]]));
  for (const [client, news] of heard) client.on('news', (data: unknown) => news.push(data));
  return heard;
}

describe('run() with workers', { timeout: 240_000 }, () => {
  let shared: Team;
  beforeAll(async () => {
    shared = await Team.startToShare();
  }, 120_000);
  afterAll(() => shared?.kill());

  it.each([
    ['Express', () => shared],
    ['Fastify', () => Team.start({ fastify: true })],
  ])('P2 serves pages and clients of both transports on one port, with %s', async (_, start) => {
    const team = await start();
    const clients = await team.connect(12);
    const pids = new Set(await Promise.all(clients.map(pidOf)));

    const again = new Set(await Promise.all(clients.map(pidOf)));
    const page = await fetch(team.url).then((response) => response.text());

    expect([pids.size, again, page]).toEqual([WORKERS, pids, 'a page']);
  });

  it('P2 makes one server of them, without a message queue', async () => {
    const team = shared;
    const clients = await team.connect(12);
    await Promise.all(clients.map((client) => ask(client, 'join', 'lobby')));
    clients[11]!.on('question', (_, answer: (...values: unknown[]) => void) =>
      answer('one', Buffer.from('two')),
    );
    const heard = hearing(clients);

    clients[0]!.emit('shout', { bytes: Buffer.from('to all') });
    clients[0]!.emit('shout', 'to the room', 'lobby');
    const members = await ask(clients[1]!, 'members', 'lobby');
    const answer = await ask(clients[0]!, 'ask', clients[11]!.id);

    await vi.waitFor(() => {
      for (const news of heard.values())
        expect(news).toEqual([{ bytes: Buffer.from('to all') }, 'to the room']);
    }, SOON);
    expect([members, answer]).toEqual([[12], [['one', Buffer.from('two')]]]);
  });

  it('P2 replaces a worker that dies, and nobody else loses anything', async () => {
    const team = await Team.start({ limits: { handshakesPerAddress: false } }); // all at once, from one address
    const clients = await team.connect(400);
    const pids = await Promise.all(clients.map(pidOf));
    const victim = pids[0]!;
    const others = clients.filter((_, index) => pids[index] !== victim);
    const victims = clients.filter((_, index) => pids[index] === victim);
    const heard = hearing(others);
    const speaker = others[0]!;
    const gone = Promise.all(victims.map((client) => next(client, 'disconnect')));

    for (let count = 0; count < 100; count++) {
      if (count === 50) process.kill(victim, 'SIGKILL');
      speaker.emit('shout', count);
      await ask(speaker, 'who');
    }
    await gone;
    await Promise.all(victims.map(connected));

    const expected = Array.from({ length: 100 }, (_, count) => count);
    await vi.waitFor(() => {
      for (const news of heard.values()) expect(news).toEqual(expected);
    }, SOON);
    await vi.waitFor(() => expect(team.output.match(/Socket\.IO on/g)).toHaveLength(WORKERS + 1), SOON);
    expect(new Set(await Promise.all(victims.map(pidOf)))).not.toContain(victim);
  });

  it.skipIf(!have('redis-server'))(
    'P2 N4 misses nothing when a worker dies, with recovery through Redis Streams',
    async () => {
      const redis = await redisBroker();
      await redis.start();
      onTestFinished(() => redis.stop());
      const team = await Team.start({
        messageQueue: redis.url.replace('redis:', 'redis-streams:'),
        connectionStateRecovery: true,
      });
      const clients = await team.connect(40);
      const pids = await Promise.all(clients.map((client) => pidOf(client)));
      await Promise.all(clients.map((client) => ask(client, 'join', 'lobby')));
      const victim = pids[0]!;
      const speaker = clients.find((_, index) => pids[index] !== victim)!;
      const heard = hearing(clients);
      const expected = Array.from({ length: 60 }, (_, count) => count);
      const gone = next(clients[0]!, 'disconnect');

      for (const count of expected) {
        if (count === 20) process.kill(victim, 'SIGKILL');
        speaker.emit('shout', count, 'lobby');
        await ask(speaker, 'slow', 20);
      }
      await gone;
      await Promise.all(clients.map(connected));

      await vi.waitFor(() => {
        for (const news of heard.values()) expect(news).toEqual(expected);
      }, SOON);
      expect(clients[0]!.recovered).toBe(true);
    },
  );

  it('P2 notices a worker that hangs', async () => {
    const team = await Team.start();
    const client = team.open({ transports: ['websocket'] });
    await connected(client);
    const pid = await pidOf(client);
    const gone = next(client, 'disconnect');

    process.kill(pid, 'SIGSTOP');
    await gone;
    await connected(client);

    expect(await pidOf(client)).not.toBe(pid);
    expect(team.output).toContain(`(process ${pid}) hangs and is killed`);
  });

  it('P2 gives a worker all of a request, however late it takes it', async () => {
    const team = shared;
    const pids = await team.pids();
    const handshake = await fetch(`${team.url}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await handshake.text()).slice(1)) as { sid: string };
    const request = await team.dial();
    const answered = once(request, 'data');

    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    request.write(`POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\n`);
    request.write('Host: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n');
    await team.read();
    request.write('40');
    await team.read();
    for (const pid of pids) process.kill(pid, 'SIGCONT');

    expect(String((await answered)[0])).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  });

  it('P2 gives to others what a worker that dies has not taken', async () => {
    const team = await Team.start();
    const pids = [...(await team.pids())];

    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const pages = Promise.all(Array.from({ length: 16 }, () => fetch(team.url).then((page) => page.text())));
    await team.read();
    process.kill(pids[0]!, 'SIGKILL');
    for (const pid of pids.slice(1)) process.kill(pid, 'SIGCONT');

    expect(new Set(await pages)).toEqual(new Set(['a page']));
  });

  it('P2 replaces its workers on SIGHUP without refusing anybody', async () => {
    const team = await Team.start();
    const clients = await team.connect(40);
    const before = new Set(await Promise.all(clients.map(pidOf)));
    const refused: unknown[] = [];

    team.end('SIGHUP');
    while (!team.output.includes('have been replaced')) {
      const visitor = team.open({ reconnection: false });
      await connected(visitor).catch((error: unknown) => refused.push(error));
      visitor.close();
      await fetch(team.url).catch((error: unknown) => refused.push(error));
    }
    await Promise.all(clients.map(connected));

    const after = await Promise.all(clients.map(pidOf));
    expect(refused).toEqual([]);
    expect(after.filter((pid) => before.has(pid))).toEqual([]);
  });

  it('P2 is not kept from replacing its workers by one that dies meanwhile', async () => {
    const team = await Team.start();
    const before = await team.pids();

    team.end('SIGHUP');
    await vi.waitUntil(() => team.output.includes('The workers are replaced'), SOON);
    process.kill([...before][2]!, 'SIGKILL');
    await vi.waitUntil(() => team.output.includes('have been replaced'), SOON);

    const after = await team.pids();
    expect([after.size, [...after].filter((pid) => before.has(pid))]).toEqual([WORKERS, []]);
  });

  it('P2 Q4 runs a task in one worker, and in another one when that is killed', async () => {
    const team = await Team.start();
    const clients = await team.connect(8);
    const ticks: { by: number; count: number }[][] = clients.map(() => []);
    clients.forEach((client, index) => client.on('tick', (tick) => ticks[index]!.push(tick)));
    const pids = (await Promise.all(clients.map((client) => ask(client, 'who')))).flat() as number[];
    const started = [...new Set(pids)].map((pid) => ask(clients[pids.indexOf(pid)]!, 'tick once'));
    await Promise.all(started);

    await vi.waitUntil(() => ticks.every((heard) => heard.length > 5), SOON);
    const first = ticks[0]![0]!.by;
    const leads = await Promise.all(clients.map((client) => ask(client, 'is leader')));
    expect(leads.flat()).toEqual(pids.map((pid) => pid === first));
    process.kill(first, 'SIGKILL');
    const others = ticks.filter((_, index) => pids[index] !== first);
    await vi.waitUntil(() => others.every((heard) => heard.at(-1)!.by !== first), SOON);

    for (const heard of others) {
      const second = heard.at(-1)!.by;
      const inTurns = [first, second].flatMap((by) => heard.filter((tick) => tick.by === by).map((_, index) => ({ by, count: index + 1 }))); // prettier-ignore
      expect(heard).toEqual(inTurns);
    }
  });

  it(
    'P7 ends on SIGTERM: handlers finish, their acknowledgements leave, code 0',
    { timeout: 60_000 },
    async () => {
      const team = await Team.start();
      const clients = await team.connect(100);
      const answers = Promise.all(clients.map((client) => ask(client, 'slow', 1_500)));
      await Promise.all(clients.map(pidOf)); // the handlers run

      team.end('SIGTERM');
      const refused = vi.waitFor(async () => expect((await fetch(team.url)).status).toBe(503), SOON);

      await refused;
      expect(await answers).toEqual(clients.map(() => ['done']));
      expect(await team.exit()).toBe(0);
      expect(team.output.match(/left/g)).toHaveLength(100);
    },
  );

  it('P7 ends in time for what forRoot() allows', { timeout: 60_000 }, async () => {
    const team = await Team.start({ module: { shutdownTimeout: 16_000 } });
    const [client] = await team.connect(1);
    const answer = ask(client!, 'slow', 12_000);
    await pidOf(client!);

    team.end('SIGTERM');

    expect(await answer).toEqual(['done']);
    expect(await team.exit()).toBe(0);
  });

  it('P7 lets handlers end in workers that hear of the end twice, as with Ctrl-C', async () => {
    const team = await Team.start();
    const clients = await team.connect(20);
    const pids = new Set(await Promise.all(clients.map(pidOf)));
    const answers = Promise.all(clients.map((client) => ask(client, 'slow', 2_000)));
    await Promise.all(clients.map(pidOf)); // the handlers run

    team.end('SIGINT');
    await vi.waitFor(async () => expect((await fetch(team.url)).status).toBe(503), SOON);
    for (const pid of pids) process.kill(pid, 'SIGINT');

    expect(await answers).toEqual(clients.map(() => ['done']));
    expect(await team.exit()).toBe(0);
  });

  it('P7 ends at once on the second SIGINT', async () => {
    const team = await Team.start();
    const [client] = await team.connect(1);
    client!.emit('slow', 600_000);
    await pidOf(client!);

    team.end('SIGINT');
    await vi.waitFor(async () => expect((await fetch(team.url)).status).toBe(503), SOON);
    team.end('SIGINT');

    expect(await team.exit()).toBe(130);
  });

  it('P2 I3 tells each worker the address that all have', async () => {
    const team = shared;
    await vi.waitFor(() => {
      expect(team.output.split(`found at ${team.url}\n`)).toHaveLength(WORKERS + 1);
    }, SOON);
  });

  it('P2 refuses httpsOptions', async () => {
    const options = { workers: 2, nest: { httpsOptions: {} } };
    const primary = spawn(process.execPath, [program.main, JSON.stringify(options)]);
    let output = '';
    primary.stderr.on('data', (text: Buffer) => (output += text.toString()));
    const [code] = (await once(primary, 'exit')) as [number];
    expect([code, output.includes('httpsOptions')]).toEqual([1, true]);
  });

  it('Q1 stop() in one worker ends them all', async () => {
    const team = await Team.start();
    const [client] = await team.connect(8);

    client!.emit('stop');

    expect(await team.exit()).toBe(0);
  });

  it('P2 fails to start when its workers do', async () => {
    const primary = spawn(process.execPath, [
      program.main,
      JSON.stringify({ messageQueue: 'pigeon://loft' }),
    ]);
    let output = '';
    primary.stderr.on('data', (text: Buffer) => (output += text.toString()));
    const [code] = (await once(primary, 'exit')) as [number];
    expect([code, output.includes('FSK_UNKNOWN_QUEUE')]).toEqual([1, true]);
  });

  it.each([0, 1.5, 'many'])('P2 refuses %s workers', async (workers) => {
    const primary = spawn(process.execPath, [program.main, JSON.stringify({ workers })]);
    const [code] = (await once(primary, 'exit')) as [number];
    expect(code).toBe(1);
  });
});
