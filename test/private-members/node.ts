import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect } from 'vitest';
import type { Bench } from './bench.js';
import { call, inside, type PrivateMember } from './private-member.js';

/** Both ends of a TCP connection. */
async function ends(bench: Bench): Promise<{ near: Socket; far: Socket }> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [near] = (await once(server, 'connection')) as [Socket];
  bench.closing(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

/** The parts of Node. */
export const node: PrivateMember[] = [
  {
    member: 'Duplex._handle',
    kind: 'property',
    serves: 'tells a TCP socket, which an engine written in C++ can take, from the end of a test client',
    instead: '`instanceof Socket` is true of both',
    async check(bench) {
      const { near } = await ends(bench);
      expect(inside(near, '_handle')).toBeTypeOf('object');
      expect('_handle' in new Duplex()).toBe(false);
    },
  },
  {
    member: 'Socket._handle',
    also: ['Socket._handle.readStop'],
    kind: 'property',
    serves: 'what comes behind a request line is for the worker to read',
    instead: '`pause()` reads on into the buffer of the stream',
    async check(bench) {
      const { near, far } = await ends(bench);
      const read: unknown[] = [];
      near.on('data', (data) => read.push(data));
      near.pause();
      call(inside<object>(near, '_handle'), 'readStop');
      far.write('more');
      await ends(bench); // by now it would have come
      expect([read, near.readableLength]).toEqual([[], 0]);
    },
  },
];
