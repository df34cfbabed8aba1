import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from 'redis';
import { redisBroker, type Broker } from '../support/brokers.js';
import { manifest } from '../support/manifest.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

/** What there is to load: no Nest, no Socket.IO, not even the adapter that is a dependency. */
const present = ['redis', 'notepack.io', 'fastest-levenshtein'];

const folder = mkdtempSync(join(tmpdir(), 'nestjs-flask-socket-emitter-'));
const bin = join(folder, 'node_modules/nestjs-flask-socket', manifest.bin!['flask-socket']!);
let broker: Broker;

beforeAll(async () => {
  mkdirSync(join(folder, 'node_modules'));
  for (const name of withDependencies(present)) copy(`node_modules/${name}`, `node_modules/${name}`);
  copy('dist', 'node_modules/nestjs-flask-socket/dist');
  copy('package.json', 'node_modules/nestjs-flask-socket/package.json');
  if (!have('redis-server')) return;
  broker = await redisBroker();
  await broker.start();
});

afterAll(async () => {
  await broker?.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!have('redis-server'))('where neither Nest nor Socket.IO is installed', () => {
  it('the library itself cannot be loaded', async () => {
    const { code, stderr } = await run(`await import('nestjs-flask-socket');`);

    expect(code).toBe(1);
    expect(stderr).toMatch(/ERR_MODULE_NOT_FOUND[^]*@nestjs\/common|@nestjs\/common[^]*ERR_MODULE_NOT_FOUND/);
  });

  it('O1 nestjs-flask-socket/emitter emits, joins, closes and disconnects', async () => {
    const published = await listen();

    const { code, stderr, stdout } = await run(`
      import { args, createEmitter, user } from 'nestjs-flask-socket/emitter';
      const emitter = createEmitter('${broker.url}', { channel: 'isolated' });
      await emitter.emit('my event', args('data', Buffer.from('bytes')), { to: user(7) });
      await emitter.send('text');
      await emitter.joinRoom('room', { sid: 'sid' });
      await emitter.leaveRoom('room', { sid: 'sid' });
      await emitter.closeRoom('room');
      await emitter.disconnect({ sid: 'sid' });
      await emitter.close();
      console.log('done');
    `);

    expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: 'done\n' });
    await expect.poll(() => published.length).toBe(6);
  });

  it('O1 npx flask-socket emits', async () => {
    const published = await listen();

    const { code, stderr } = await node(
      bin,
      'emit',
      'my event',
      '--queue',
      broker.url,
      '--channel',
      'isolated',
    );

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expect.poll(() => published.length).toBe(1);
  });

  it('names the package of a broker that is not installed', async () => {
    const { code, stderr } = await node(bin, 'emit', 'my event', '--queue', 'amqp://localhost');

    expect(code).toBe(1);
    expect(stderr).toMatch(/^flask-socket: FSK_MISSING_PACKAGE: .*npm install rabbitmq-client\n$/);
  });

  it('a process that forgets close() ends by itself', async () => {
    const { code, stdout } = await run(`
      import { createEmitter } from 'nestjs-flask-socket/emitter';
      await createEmitter('${broker.url}').emit('my event');
      console.log('sent');
    `);

    expect({ code, stdout }).toEqual({ code: 0, stdout: 'sent\n' });
  });
});

/** The topics of what is published from now on, on channel `isolated`. */
async function listen(): Promise<string[]> {
  const topics: string[] = [];
  const client = createClient({ url: broker.url });
  await client.connect();
  onTestFinished(() => client.close());
  await client.pSubscribe('isolated*', (_, topic) => void topics.push(topic));
  return topics;
}

/** Packages, and all that they need. */
function withDependencies(names: string[], found = new Set<string>()): Set<string> {
  for (const name of names.filter((candidate) => !found.has(candidate))) {
    found.add(name);
    const text = readFileSync(`${root}node_modules/${name}/package.json`, 'utf8');
    const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
    withDependencies(Object.keys(dependencies), found);
  }
  return found;
}

function copy(from: string, to: string): void {
  cpSync(root + from, join(folder, to), { recursive: true, dereference: true });
}

function run(program: string) {
  const path = join(folder, `program-${Math.random()}.mjs`);
  writeFileSync(path, program);
  return node(path);
}

function node(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}
