import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { FlaskSocketError, FlaskSocketModule, run } from 'nestjs-flask-socket';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { compiled, type Compiled } from '../support/compiled.js';
import { root } from '../support/repository.js';

/** A port that another server has. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('a port that is taken', { timeout: 60_000 }, () => {
  let program: Compiled;
  beforeAll(() => {
    program = compiled(`${root}test/parity/taken/main.ts`);
  });
  afterAll(() => program.remove());

  async function start(how: string, port: number, workers = '') {
    const env = { ...process.env, PORT: String(port), HOST: '', WORKERS: workers, NO_COLOR: '1' };
    const child = spawn(process.execPath, [program.main, how], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (text: Buffer) => (output += String(text));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const [code] = (await once(child, 'close')) as [number];
    const lines = output.split('\n').filter((line) => /FSK_|EADDRINUSE|^ +at |Error/.test(line));
    return { code, lines: lines.filter((line) => !line.includes('[NestApplication]')) }; // Nest's own line stays
  }

  it.each([
    ['void run()', 'not awaited', ''],
    ['await run()', 'awaited', ''],
    ['run({ logger: false })', 'logs nothing', ''],
    ['run({ workers })', 'awaited', '2'],
  ])('I3 P1 ends %s with one line, which says what to do, and code 1', async (_, how, workers) => {
    const port = await takenPort();

    const { code, lines } = await start(how, port, workers);

    const address = `127\\.0\\.0\\.1:${port}`;
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`FSK_CANNOT_LISTEN: .*${address}.*taken.*\\{ port: \\d+ \\}.*PORT=`)),
    ]);
    expect(code).toBe(1);
  });
});

describe('run() that cannot listen', () => {
  const ended: string[] = [];

  function moduleNamed(name: string) {
    class AppModule implements OnApplicationShutdown {
      onApplicationShutdown() {
        ended.push(name);
      }
    }
    Module({ imports: [FlaskSocketModule.forRoot({ logger: false })] })(AppModule);
    return AppModule;
  }

  it.each([
    ['Express', () => undefined],
    ['Fastify', () => new FastifyAdapter()],
  ])('I3 rejects with an error of its own, and has closed the application: %s', async (name, adapter) => {
    const port = await takenPort();
    const before = process.listeners('uncaughtException');

    const failed = run(moduleNamed(name), { port, adapter: adapter(), nest: { logger: false } });

    const error = await failed.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FlaskSocketError);
    expect(error).toMatchObject({ code: 'FSK_CANNOT_LISTEN', cause: { code: 'EADDRINUSE' } });
    expect(ended).toContain(name);
    await new Promise(setImmediate);
    expect(process.listeners('uncaughtException')).toEqual(before);
  });

  it('I3 names an address that the machine does not have', async () => {
    const failed = run(moduleNamed('elsewhere'), { port: 0, host: '192.0.2.1', nest: { logger: false } });

    await expect(failed).rejects.toThrow(/FSK_CANNOT_LISTEN.*192\.0\.2\.1:0.*no such address/);
  });
});
