import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { linkAdapter } from '../../../lib/queue/broker-link-adapter.js';
import { connectTo, FakeDriver, linkTo, portlessServer } from '../../support/units.js';

/** Two servers on one broker. */
function servers() {
  const drivers: FakeDriver[] = [];
  return ['here', 'there'].map(() => {
    const driver = new FakeDriver();
    drivers.push(driver);
    driver.publish = async (topic, payload) => {
      for (const each of drivers) each.hear(topic, payload);
    };
    const { link } = linkTo(driver);
    driver.up();
    return { driver, link, server: portlessServer({ adapter: linkAdapter(link) }) };
  });
}

describe('the adapter over a link', () => {
  const ended: (() => unknown)[] = [];

  beforeEach(
    () => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] }),
  );
  afterEach(() => {
    for (const end of ended.splice(0)) end();
    vi.useRealTimers();
  });

  async function connected() {
    const [here, there] = servers() as [ReturnType<typeof servers>[0], ReturnType<typeof servers>[0]];
    for (const { server } of [here, there]) ended.push(() => server.of('/').adapter.close());
    const { socket, wire } = await connectTo(there.server);
    return { here, there, socket, wire };
  }

  it('P4 reaches the clients of another process', async () => {
    const { here, wire } = await connected();
    here.server.emit('news', { text: 'a', bytes: Buffer.from('b') });
    await vi.advanceTimersByTimeAsync(0);

    expect(wire.received[0]).toMatch(/^51-\["news",/);
  });

  it('P4 puts them into rooms', async () => {
    const { here, socket } = await connected();
    here.server.in(socket.id).socketsJoin('room');
    await vi.advanceTimersByTimeAsync(0);

    expect([...socket.rooms]).toEqual([socket.id, 'room']);
  });

  it('P4 takes nothing that an adapter would not survive', async () => {
    const { there, wire } = await connected();
    const topic = [...there.driver.listeners.keys()][0]!;
    const message = { uid: 'x', nsp: '/', type: 3, data: { packet: { type: 0 }, opts: {} } };
    there.driver.hear(topic, JSON.stringify(message));

    expect([wire.received, there.link.counts.refused]).toEqual([[], 1]);
  });

  it('P7 listens to nothing any more when it is closed', async () => {
    const { there } = await connected();
    const before = there.driver.listeners.size;
    await there.server.of('/').adapter.close();

    expect([before, there.driver.listeners.size]).toEqual([2, 0]);
  });
});
