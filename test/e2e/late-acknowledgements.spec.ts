import { SocketIO } from 'nestjs-flask-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { next, startApp } from '../support/app.js';
import * as brokers from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

/** How many acknowledgements are awaited from the clients of a process. */
function awaited(socketio: SocketIO): number {
  const acks = [...socketio.server.sockets.sockets.values()].map(
    (socket) => (socket as unknown as { acks: Map<number, unknown> }).acks, // private in its type
  );
  return acks.reduce((sum, { size }) => sum + size, 0);
}

describe('acknowledgements that a raw broadcast no longer waits for', () => {
  async function started(messageQueue?: string) {
    const options = { messageQueue, pingInterval: 1_000_000, pingTimeout: 1_000_000 }; // a fake clock runs ahead
    const running = await startApp({ options });
    return { socketio: running.app.get(SocketIO), client: await running.connect() };
  }

  it('B2 are forgotten', async () => {
    const { socketio, client } = await started();
    const asked = next(client, 'who');
    const answers = socketio.server.timeout(50).emitWithAck('who');
    await asked;
    expect(awaited(socketio)).toBe(1);

    await expect(answers).rejects.toThrow('timed out');
    await vi.waitFor(() => expect(awaited(socketio)).toBe(0));
  });

  it.skipIf(!have('redis-server'))('B2 P4 are forgotten on the other processes, too', async () => {
    const broker = await brokers.redisBroker();
    onTestFinished(() => broker.kill());
    await broker.start();
    const [here, there] = [await started(broker.url), await started(broker.url)];
    await vi.waitFor(async () => expect(await here.socketio.server.fetchSockets()).toHaveLength(2), 10_000);

    vi.useFakeTimers({ toFake: ['setTimeout'], shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    const asked = next(there.client, 'who');
    const answers = here.socketio.server.timeout(5_000).emitWithAck('who');
    await asked;
    expect(awaited(there.socketio)).toBe(1);

    const [answered] = await Promise.allSettled([answers, vi.advanceTimersByTimeAsync(60_000)]);
    expect(answered).toMatchObject({ status: 'rejected', reason: { message: 'operation has timed out' } });
    expect(awaited(there.socketio)).toBe(0);
  });
});
