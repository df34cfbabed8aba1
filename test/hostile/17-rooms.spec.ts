import { describe, expect, it } from 'vitest';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';

const ROOMS = 100_000;
/** Rooms that one event joins: an event of more is refused. */
const AT_ONCE = 500;

describe('a client that joins rooms without end', () => {
  const programs = arenaPrograms();

  async function attack(options: object) {
    const arena = await Arena.start(programs, { options });
    const first = await Attacker.connect(arena.url); // what is compiled and cached does not count
    await first.ask(1, 'join', 'first');
    first.socket.terminate();
    await expect.poll(async () => (await arena.figures()).sockets).toBe(0);
    const client = await Attacker.connect(arena.url);
    const before = await arena.figures();
    for (let id = 0; id < ROOMS / AT_ONCE; id++) {
      const names = Array.from({ length: AT_ONCE }, (_, index) => `room ${id * AT_ONCE + index}`);
      await client.ask(id, 'join', ...names);
    }
    const during = await arena.figures();
    client.socket.terminate();
    await expect.poll(async () => (await arena.figures()).sockets).toBe(0);
    const after = await arena.figures();
    const rooms = during.rooms - before.rooms;
    const bytes = during.heap - before.heap;
    return { rooms, left: after.rooms, megabytes: bytes / MEGABYTE, bytesPerRoom: bytes / rooms };
  }

  it('L6 is in limits.roomsPerConnection of them, and leaves none behind', async () => {
    const { rooms, left, megabytes } = await attack({ limits: { eventRate: false } });
    note(17, 'rooms of one client', { rooms, left, 'MB of heap': megabytes });

    expect([rooms, left]).toEqual([1_000, 0]);
  });

  it('L6 is in all of them without the limit', async () => {
    const { rooms, left, megabytes, bytesPerRoom } = await attack({ limits: false });
    note(17, 'without the limit', { rooms, left, 'MB of heap': megabytes, 'bytes of a room': bytesPerRoom });

    expect([rooms, left]).toEqual([ROOMS, 0]);
  });
});
