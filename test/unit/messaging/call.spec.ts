import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RemoteClients } from '../../../lib/common/remote-clients.js';
import { storage } from '../../../lib/context/storage.js';
import { limitPendingAcks } from '../../../lib/socketio/acknowledgements.js';
import { callClient } from '../../../lib/messaging/call.js';
import type { CallOptions } from '../../../lib/messaging/deliver.js';
import { connectionTo, remotely, requestOf } from '../../support/units.js';

async function calling(remote?: Partial<RemoteClients>) {
  const connected = await connectionTo({ runtime: { remoteClients: remote && remotely(remote).clients } });
  const { connection } = connected;
  const call = (options: CallOptions = {}, sender: typeof connection | undefined = connection) =>
    callClient(connection.runtime, { event: 'question', data: 1, options }, sender);
  return { ...connected, call };
}

const failing = (code: string) => expect.objectContaining({ code }) as Error;

describe('a call', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['nothing', '30[]', undefined],
    ['one value', '30["yes"]', 'yes'],
    ['several', '30["yes",2]', ['yes', 2]],
  ])('E7 resolves with what the client answers: %s', async (_, answer, expected) => {
    const { call, wire } = await calling();
    const answered = call();
    wire.send(answer);

    expect(await answered).toEqual(expected);
    expect([wire.received, vi.getTimerCount()]).toEqual([['20["question",1]'], 0]);
  });

  it('E7 rejects when the time is over', async () => {
    const { call } = await calling();
    const called = call({ timeout: 100 }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);

    expect(await called).toEqual(failing('FSK_CALL_TIMEOUT'));
  });

  it('E7 rejects at once when the client leaves', async () => {
    const { call, connection } = await calling();
    const called = call().catch((error: unknown) => error);
    connection.pendingCalls.drain((left) => left());

    expect(await called).toEqual(failing('FSK_CALL_DISCONNECTED'));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('L8 rejects when it gave way to a newer one', async () => {
    const { call, socket } = await calling();
    limitPendingAcks(socket, 1, () => {});
    const called = call().catch((error: unknown) => error);
    const second = call();
    await new Promise((resolve) => setImmediate(resolve));

    expect(await called).toEqual(failing('FSK_CALL_EVICTED'));
    expect(vi.getTimerCount()).toBe(1);
    void second;
  });

  it.each<[what: string, options: CallOptions, code: string]>([
    ['a broadcast', { broadcast: true }, 'FSK_CALL_MANY_RECIPIENTS'],
    ['several', { to: ['a', 'b'] }, 'FSK_CALL_MANY_RECIPIENTS'],
    ['a room', { to: 'room' }, 'FSK_CALL_MANY_RECIPIENTS'],
    ['nobody', { to: 'nobody' }, 'FSK_CALL_NO_RECIPIENT'],
  ])('E7 rejects at once to %s', async (_, options, code) => {
    const { call, socket } = await calling();
    await socket.join('room');

    await expect(call(options)).rejects.toThrow(failing(code));
  });

  it('E7 asks the other processes for a client that is not here', async () => {
    const { call } = await calling({ call: async ({ sid }) => (sid === 'far' ? ['here'] : undefined) });

    expect(await call({ to: 'far' })).toBe('here');
    await expect(call({ to: 'farther' })).rejects.toThrow(failing('FSK_CALL_NO_RECIPIENT'));
  });

  it('C1 rejects in the connect handler of the client itself, which would wait for itself', async () => {
    const { call, connection } = await calling();
    connection.heldPackets = [];
    const inHandler = storage.run(requestOf(connection, 'connect'), () => call());

    await expect(inHandler).rejects.toThrow(failing('FSK_CALL_BEFORE_CONNECT'));
  });
});
