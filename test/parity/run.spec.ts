import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Module, type INestApplication } from '@nestjs/common';
import { NestApplication } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  FlaskSocketModule,
  OnEvent,
  run,
  SocketGateway,
  type FlaskSocketOptions,
  type RunOptions,
} from 'nestjs-flask-socket';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, connected, KeepingLogger, next } from '../support/app.js';
import { transpiled } from '../support/compiled.js';
import { root } from '../support/repository.js';

@SocketGateway()
class EchoGateway {
  @OnEvent('echo')
  echo(data: unknown) {
    return data;
  }
}

@Controller()
class PageController {
  @Get()
  page() {
    return 'a page';
  }
}

function moduleWith(options: FlaskSocketOptions = {}) {
  @Module({
    imports: [FlaskSocketModule.forRoot({ logger: false, ...options })],
    controllers: [PageController],
    providers: [EchoGateway],
  })
  class AppModule {}
  return AppModule;
}

/** `run()` on a free port, for the time of a test. */
async function started(options: FlaskSocketOptions, runOptions: RunOptions = {}): Promise<INestApplication> {
  const app = await run(moduleWith(options), { port: 0, nest: { logger: false }, ...runOptions });
  onTestFinished(() => app.close());
  return app;
}

function open(app: INestApplication, options: Parameters<typeof io>[1] = {}): Socket {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const client = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false, ...options });
  onTestFinished(() => void client.close());
  return client;
}

describe('run()', () => {
  it('I3 listens on 127.0.0.1, serves routes and clients, and resolves with the application', async () => {
    const app = await started({});
    const client = open(app);
    await connected(client);
    const { address, port } = app.getHttpServer().address() as AddressInfo;
    const page = await (await fetch(`http://127.0.0.1:${port}`)).text();
    expect([address, page, await ask(client, 'echo', 1)]).toEqual(['127.0.0.1', 'a page', [1]]);
  });

  it('I3 R1 takes an HTTP platform', async () => {
    const app = await started({}, { adapter: new FastifyAdapter() });
    const client = open(app);
    await connected(client);
    expect([app.getHttpAdapter().getType(), await ask(client, 'echo', 1)]).toEqual(['fastify', [1]]);
  });

  it('I2 merges its options with those of forRoot(), and the later wins', async () => {
    const log = new KeepingLogger();
    const inRoot = { path: '/root', allowUpgrades: false, transports: ['polling'] } as const;
    const app = await started(inRoot, { path: '/run', transports: ['polling', 'websocket'], logger: log });
    const client = open(app, { path: '/run' });
    await connected(client);
    const { port } = app.getHttpServer().address() as AddressInfo;
    const handshake = await fetch(`http://127.0.0.1:${port}/run/?EIO=4&transport=polling`);
    const other = await fetch(`http://127.0.0.1:${port}/root/?EIO=4&transport=polling`);
    expect(await handshake.text()).toContain('"upgrades":[]');
    expect([other.status, await other.text()]).toEqual([404, expect.stringContaining('Cannot GET')]);
    expect(log.of('log')[0]).toContain('Socket.IO on /run: polling + websocket');
  });

  it('I2 an option that is undefined in run() leaves that of forRoot()', async () => {
    const app = await started({ path: '/root' }, { path: undefined });
    const client = open(app, { path: '/root' });
    await connected(client);
    expect(client.connected).toBe(true);
  });

  it('I2 an unknown option fails the start and names the nearest', async () => {
    const starting = run(moduleWith(), { nest: { logger: false }, corsAllowedOrigin: '*' } as never);
    await expect(starting).rejects.toThrow(/FSK_UNKNOWN_OPTION.*"corsAllowedOrigins"/);
  });

  it('I3 a module that does not import FlaskSocketModule fails the start', async () => {
    class EmptyModule {}
    Module({})(EmptyModule);
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never); // Nest's answer to most failures
    onTestFinished(() => exit.mockRestore());
    await expect(run(EmptyModule, { nest: { logger: false } })).rejects.toThrow(
      /FSK_MODULE_MISSING.*EmptyModule/,
    );
    expect(exit).not.toHaveBeenCalled();
  });

  describe('where it listens', () => {
    const listen = vi.spyOn(NestApplication.prototype, 'listen');

    beforeEach(() => {
      listen.mockReset().mockResolvedValue(undefined);
      for (const name of ['HOST', 'PORT']) vi.stubEnv(name, undefined);
    });

    afterAll(() => {
      listen.mockRestore();
      vi.unstubAllEnvs();
    });

    it.each<[string, NodeJS.ProcessEnv, RunOptions, [number, string]]>([
      ['127.0.0.1:5000 by default', {}, {}, [5000, '127.0.0.1']],
      ['PORT and HOST override the default', { PORT: '8080', HOST: '::1' }, {}, [8080, '::1']],
      ['an option overrides PORT', { PORT: '8080' }, { port: 9090 }, [9090, '127.0.0.1']],
      ['an option overrides HOST', { HOST: '::1' }, { host: '0.0.0.0' }, [5000, '0.0.0.0']],
      ['port 0 of an option counts', { PORT: '8080' }, { port: 0 }, [0, '127.0.0.1']],
      ['port 0 of the environment counts', { PORT: '0' }, {}, [0, '127.0.0.1']],
      ['an empty PORT does not count', { PORT: '' }, {}, [5000, '127.0.0.1']],
      ['an empty HOST does not count', { HOST: '' }, {}, [5000, '127.0.0.1']],
    ])('I3 %s', async (_, environment, options, expected) => {
      for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
      const app = await run(moduleWith(), { nest: { logger: false }, ...options });
      onTestFinished(() => app.close());
      expect(listen.mock.calls).toEqual([expected]);
    });
  });
});

describe('node dist/main.js', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'nestjs-flask-socket-'));
  const folder = join(scratch, 'app');

  beforeAll(() => {
    if (!existsSync(`${root}dist/index.js`)) throw new Error('Run npm run build first.');
    mkdirSync(join(folder, 'dist'), { recursive: true });
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/nestjs-flask-socket'));
    for (const name of ['@nestjs', 'reflect-metadata', 'rxjs']) {
      symlinkSync(`${root}node_modules/${name}`, join(folder, 'node_modules', name));
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'dist/main.js'), transpiled(`${root}test/parity/production/main.ts`));
  });

  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  describe.each(['nest start', 'run'])('as %s', (how) => {
    it('P1 serves clients on both transports, without a word of warning', async () => {
      const server = await start(how);
      const answers = await Promise.all(
        ['polling', 'websocket'].map(async (transport) => {
          const client = server.open(transport);
          await connected(client);
          return ask(client, 'echo', 'hello');
        }),
      );
      expect(answers).toEqual([[['polling', 'hello']], [['websocket', 'hello']]]);
      expect(await server.end('SIGTERM')).toMatchObject({ complaints: '' });
    });

    it.each(['close', 'stop'] as const)('P1 its process ends by itself after %s()', async (way) => {
      const server = await start(how);
      const clients = [server.open('polling'), server.open('websocket')];
      await Promise.all(clients.map(connected));
      const told = Promise.all(clients.map((client) => next(client, 'disconnect')));
      const ended = await server.end(way);
      expect(ended).toEqual({
        code: 0,
        signal: null,
        output: 'left: server shutting down\nleft: server shutting down\n',
        complaints: '',
      });
      await told;
    });

    it.each(['SIGTERM', 'SIGINT'] as const)(
      'P1 its process ends on %s, after its disconnect handlers',
      async (signal) => {
        const server = await start(how);
        await connected(server.open('websocket'));
        const ended = await server.end(signal);
        expect(ended).toMatchObject({ output: 'left: server shutting down\n', complaints: '' });
        expect(ended.signal ?? ended.code).toBe(how === 'run' ? 0 : signal); // Nest's own hooks pass the signal on
      },
    );
  });

  async function start(how: string) {
    const child = spawn(process.execPath, ['dist/main.js', how], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const server = new ServerProcess(child);
    await server.listening();
    return server;
  }
});

/** An application in a process of its own. */
class ServerProcess {
  #output = '';
  #complaints = '';
  #url = '';

  constructor(private readonly child: ChildProcess) {
    child.stdout!.on('data', (text: Buffer) => (this.#output += text.toString()));
    child.stderr!.on('data', (text: Buffer) => (this.#complaints += text.toString()));
  }

  async listening(): Promise<void> {
    const [told] = await Promise.race([once(this.child, 'message'), once(this.child, 'exit')]);
    if (typeof told !== 'string') throw new Error(`It did not start: ${this.#complaints}`);
    this.#url = told;
  }

  open(transport: string): Socket {
    const client = io(this.#url, { transports: [transport], forceNew: true, reconnection: false });
    onTestFinished(() => void client.close());
    return client;
  }

  /** Tells the process to end, by a signal or by what it listens to, and waits until it has. */
  async end(how: NodeJS.Signals | 'close' | 'stop') {
    const closed = once(this.child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    if (how === 'close' || how === 'stop') this.child.send(how);
    else this.child.kill(how);
    const [code, signal] = await closed;
    return { code, signal, output: this.#output, complaints: this.#complaints };
  }
}
