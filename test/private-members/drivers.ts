import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { Client } from 'pg';
import { Connection } from 'rabbitmq-client';
import { expect } from 'vitest';
import { until, type Bench } from './bench.js';
import { call, inside, type PrivateMember } from './private-member.js';

/** A broker that says one thing to whoever comes. */
async function broker(bench: Bench, says = Buffer.alloc(0)): Promise<{ port: number; clients: Socket[] }> {
  const clients: Socket[] = [];
  const server = createServer((client) => {
    clients.push(client.on('error', () => {}));
    client.once('data', () => client.write(says));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  bench.closing(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, clients };
}

/** The parts of rabbitmq-client. */
export const rabbitmq: PrivateMember[] = [
  {
    member: 'Connection._socket',
    kind: 'property',
    serves: 'who is no RabbitMQ is refused, and what is published in one turn is written together',
    instead: 'there is none: it believes any length of a frame, and writes each message by itself',
    async check(bench) {
      const header = Buffer.from([1, 0, 0, 0x7f, 0, 0, 0, 0]); // a frame of two gigabytes begins
      const { port } = await broker(bench, header);
      const connection = new Connection({ url: `amqp://guest:guest@127.0.0.1:${port}` });
      connection.on('error', () => {});
      const socket = inside<Socket>(connection, '_socket');
      expect(socket).toBeInstanceOf(Socket);
      const lengths: number[] = [];
      const read = socket.read.bind(socket);
      socket.read = (length: number) => {
        lengths.push(length);
        return length > 131_072 ? null : (read(length) as unknown);
      };
      await until(() => lengths.some((length) => length > 131_072));
      connection.unsafeDestroy();
      await until(() => socket.destroyed);
    },
  },
];

/** The parts of pg. */
export const postgres: PrivateMember[] = [
  {
    member: 'Client.connection',
    also: ['Client.connection.stream'],
    kind: 'property',
    serves: 'ends a connection on which nothing is answered',
    instead: '`end()` waits for an answer',
    usedBy: ['lib/queue/postgres/postgres.ts'],
    async check(bench) {
      const { port, clients } = await broker(bench);
      const client = new Client({ host: '127.0.0.1', port });
      const ended = client.connect().catch((error: Error) => error);
      await until(() => clients.length > 0);
      const stream = inside<Socket>(inside<object>(client, 'connection'), 'stream');
      expect(stream).toBeInstanceOf(Socket);
      call(stream, 'destroy');
      expect(await ended).toBeInstanceOf(Error);
      expect(stream.destroyed).toBe(true);
    },
  },
];
