import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { memorySocketPair } from '../../../lib/testing/memory-socket.js';

const connect = () => memorySocketPair({ transfers: 0 }, false);

async function turns(count = 5) {
  for (let done = 0; done < count; done++) await turn();
}

describe('a connection in memory', () => {
  it('carries bytes both ways, in their order', async () => {
    const [near, far] = connect();

    near.write('a');
    near.write('b');
    near.end('c');
    far.end('d');

    expect(String(await buffer(far))).toBe('abc');
    expect(String(await buffer(near))).toBe('d');
  });

  it('delivers in a later turn', async () => {
    const [near, far] = connect();
    const received: string[] = [];
    far.on('data', (chunk: Buffer) => received.push(String(chunk)));

    near.write('a');
    await Promise.resolve();
    expect(received).toEqual([]);

    await turns();
    expect(received).toEqual(['a']);
  });

  it('delivers a copy', async () => {
    const [near, far] = connect();
    const bytes = Buffer.from('before');
    near.end(bytes);

    const received = await buffer(far);
    received.fill(0);

    expect(String(bytes)).toBe('before');
  });

  it('delivers in the context of who opened it', async () => {
    const storage = new AsyncLocalStorage<string>();
    const [near, far] = storage.run('opened', connect);
    const seen = new Promise((resolve) => far.on('data', () => resolve(storage.getStore())));

    storage.run('written', () => near.write('a'));

    expect(await seen).toBe('opened');
  });

  it('lets a writer wait for a slow reader, and loses nothing', async () => {
    const [near, far] = connect();
    const chunk = Buffer.alloc(64 * 1024, 7);
    let written = 0;
    const count = () => written++;
    for (let writes = 0; writes < 80; writes++) near.write(chunk, count);
    near.end();
    await turns();

    expect(written).toBeLessThan(3);
    expect(far.readableLength).toBeLessThan(3 * chunk.length);

    expect((await buffer(far)).length).toBe(80 * chunk.length);
    expect(written).toBe(80);
  });

  it('ends at both ends, after what was written', async () => {
    const [near, far] = connect();
    near.end('last words');

    expect(String(await buffer(far))).toBe('last words');
    near.resume();
    if (!near.destroyed) await once(near, 'close');
    expect(far.destroyed).toBe(true);
  });

  it('ends for the other end when one is destroyed, also with a writer that waits', async () => {
    const [near, far] = connect();
    for (let count = 0; count < 10; count++) near.write(Buffer.alloc(64 * 1024));
    near.on('error', () => {});
    near.resume();
    await turns();

    far.destroy();
    await once(near, 'close');

    expect(near.destroyed).toBe(true);
  });

  it('counts what moves', async () => {
    const traffic = { transfers: 0 };
    const [near, far] = memorySocketPair(traffic, false);
    far.resume();

    near.write('a');
    await turns();

    expect(traffic.transfers).toBe(2);
  });
});
