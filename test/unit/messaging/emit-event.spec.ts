import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { RemoteCall, RemoteClients } from '../../../lib/common/remote-clients.js';
import type { Runtime } from '../../../lib/context/connection.js';
import { emitEvent } from '../../../lib/messaging/emit-event.js';
import type { EmitOptions } from '../../../lib/messaging/deliver.js';
import { connectionTo, portlessServer, remotely, turns } from '../../support/units.js';

/** Two clients of one process, and whoever is reached through a queue. */
async function speaking(remote?: Partial<RemoteClients>, runCallback?: Runtime['runCallback']) {
  const server = portlessServer();
  const warned: string[] = [];
  const called: unknown[][] = [];
  const runtime: Partial<Runtime> = {
    remoteClients: remote && remotely(remote).clients,
    warnOnce: (subject) => void warned.push(subject),
    runCallback: runCallback ?? ((_, values) => void called.push([...values])),
  };
  const ann = await connectionTo({ server, runtime });
  const ben = await connectionTo({ server, runtime });
  const emit = (event: string, data?: unknown, options: EmitOptions = {}) =>
    emitEvent(ann.connection.runtime, { event, data, options }, ann.connection);
  const heard = () => [ann.wire.received, ben.wire.received];
  return { ann, ben, emit, heard, warned, called };
}

const callback = () => {};

describe('an emit in a handler', () => {
  it.each<[title: string, options: EmitOptions, toAnn: number, toBen: number]>([
    ['E2 without a recipient replies to the sender', {}, 1, 0],
    ['B1 by broadcast reaches everybody', { broadcast: true }, 1, 1],
    ['B4 leaves out the sender', { broadcast: true, includeSelf: false }, 0, 1],
    ['B5 to nobody reaches nobody', { to: [] }, 0, 0],
    ['B5 to an unknown room reaches nobody', { to: 'unknown' }, 0, 0],
  ])('%s', async (_, options, toAnn, toBen) => {
    const { emit, heard } = await speaking();
    emit('news', 1, options);

    expect(heard().map(({ length }) => length)).toEqual([toAnn, toBen]);
  });

  it('E6 calls the callback with what the one client acknowledges', async () => {
    const { emit, ben, called } = await speaking();
    emit('question', 1, { to: ben.socket.id, callback });
    ben.wire.send('30["yes",2]');
    await turns();

    expect([ben.wire.received, called]).toEqual([['20["question",1]'], [['yes', 2]]]);
  });

  it('L8 calls onTimeout once, in place of the callback, when the time is over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const late: unknown[] = [];
    const { emit, ann, called } = await speaking(undefined, (_, __, run) => void late.push(run));
    const onTimeout = () => {};
    emit('question', 1, { callback, timeout: 100, onTimeout });
    emit('question', 2, { callback, timeout: 100 });
    vi.advanceTimersByTime(100);
    ann.wire.send('30["too late"]');

    expect([late, called, vi.getTimerCount()]).toEqual([[onTimeout], [], 0]);
  });

  it('E6 L8 forgets the callback of a client that leaves, and calls nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { emit, ann, called } = await speaking();
    emit('question', 1, { callback, onTimeout: callback });
    ann.connection.pendingCalls.drain((left) => left());

    expect([called, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it('B2 calls no callback of a broadcast, sends it all the same, and says so', async () => {
    const { emit, heard, warned } = await speaking();
    emit('question', 1, { broadcast: true, callback });

    expect([heard(), warned]).toEqual([[['2["question",1]'], ['2["question",1]']], ['callback']]);
  });

  it('E6 asks the other processes for a client that is not here', async () => {
    const asked: RemoteCall[] = [];
    const { emit, called } = await speaking({
      call: async (question) => (asked.push(question), ['far away']),
    });
    emit('question', 1, { to: 'elsewhere', callback });
    await turns();

    expect(asked).toEqual([expect.objectContaining({ sid: 'elsewhere', outgoing: ['question', 1] })]);
    expect(called).toEqual([['far away']]);
  });

  it('E8 throws what cannot be sent, in the caller', async () => {
    const { emit } = await speaking();

    expect(() => emit('news', 1n)).toThrow('FSK_NOT_SERIALIZABLE');
    expect(() => emit('news', () => {})).toThrow('FSK_NOT_SERIALIZABLE');
    expect(() => emit('connect')).toThrow('FSK_RESERVED_EVENT');
  });
});
