import { Adapter, ClusterAdapter } from 'socket.io-adapter';
import { describe, expect, it } from 'vitest';
import type { AdapterFactory } from '../../../lib/queue/queue.js';
import {
  withEncodableResponses,
  localFirst,
  omittedDataLogger,
  socketsAsJson,
} from '../../../lib/queue/cluster-adapters.js';
import { connectTo, FakeDriver, linkTo, portlessServer } from '../../support/units.js';

/** A cluster adapter whose broker is away: nothing that it publishes ever returns. */
class Stuck extends ClusterAdapter {
  readonly published: { type: number; data?: unknown }[] = [];
  readonly answers: unknown[] = [];

  protected override doPublish(message: never): Promise<string> {
    this.published.push(message);
    return new Promise(() => {});
  }

  override doPublishResponse(_: string, answer: never): Promise<void> {
    this.answers.push(JSON.parse(JSON.stringify(answer)));
    return Promise.resolve();
  }
}

async function stuck() {
  const server = portlessServer({ adapter: Stuck as unknown as AdapterFactory }); // its constructor is typed protected
  const adapter = server.of('/').adapter as Stuck;
  return { server, adapter, ...(await connectTo(server)) };
}

describe('a cluster adapter that serves its own clients first', () => {
  it('P6 does so in the turn of the call, and tells the others', async () => {
    const { server, adapter, socket, wire } = await stuck();
    localFirst(adapter);
    server.emit('news');
    server.in(socket.id).socketsJoin('room');
    const rooms = [...socket.rooms];
    server.in('room').disconnectSockets();

    expect([wire.received[0], rooms, socket.connected]).toEqual(['2["news"]', [socket.id, 'room'], false]);
    expect(adapter.published.map(({ type }) => type)).toEqual([3, 4, 6]);
  });

  it('P6 tells nobody of what is for this process alone', async () => {
    const { server, adapter, wire } = await stuck();
    localFirst(adapter);
    server.local.emit('news');

    expect([wire.received.length, adapter.published]).toEqual([1, []]);
  });
});

describe('a cluster adapter that answers always', () => {
  it('leaves out data that cannot be encoded, and says of whom', async () => {
    const { adapter } = await stuck();
    const { link, log } = linkTo(new FakeDriver());
    withEncodableResponses(adapter, link);
    const sockets = [
      { id: 'a', data: { fine: 1 } },
      { id: 'b', data: { big: 1n } },
    ];
    await adapter.doPublishResponse('somebody', { data: { sockets } } as never);

    expect(adapter.answers).toEqual([{ data: { sockets: [sockets[0], { id: 'b', data: {} }] } }]);
    expect(log.lines).toEqual([expect.stringMatching(/^warn: The data of client b of '\/' cannot be sent/)]);
  });

  it('writes the sockets of this process as JSON, without what that does not know', async () => {
    const server = portlessServer();
    const { socket } = await connectTo(server);
    const { link, log } = linkTo(new FakeDriver());
    Object.assign(socket.data as object, { big: 1n });
    const { adapter } = server.of('/');
    const json = socketsAsJson(adapter as Adapter, { rooms: new Set(), except: new Set() }, omittedDataLogger(server.of('/'), link, 'no')); // prettier-ignore

    expect(JSON.parse(json)).toEqual([
      expect.objectContaining({ id: socket.id, data: {}, rooms: [socket.id] }),
    ]);
    expect(log.lines.length).toBe(1);
  });
});
