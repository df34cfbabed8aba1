import { describe, expect, it } from 'vitest';
import { storage } from '../../../lib/context/storage.js';
import { closeRoom, joinRoom, leaveRoom, rooms } from '../../../lib/messaging/rooms.js';
import { connectionTo, requestOf } from '../../support/units.js';

async function handling() {
  const connected = await connectionTo();
  const request = requestOf(connected.connection);
  return { ...connected, request, handle: <T>(handler: () => T) => storage.run(request, handler) };
}

describe('rooms in a handler', () => {
  it('M1 M5 are joined, listed and left by the sender', async () => {
    const { handle, socket } = await handling();
    const seen = handle(() => {
      joinRoom('a');
      joinRoom(7);
      leaveRoom('a');
      return rooms();
    });

    expect(seen).toEqual([socket.id, '7']);
  });

  it('M4 are closed', async () => {
    const { handle, socket } = await handling();
    handle(() => (joinRoom('a'), closeRoom('a')));

    expect([...socket.rooms]).toEqual([socket.id]);
  });

  it('M3 are those that were, to a client that leaves', async () => {
    const { handle, request, socket } = await handling();
    request.roomsAtDisconnect = new Set([socket.id, 'before']);

    expect(handle(() => rooms())).toEqual([socket.id, 'before']);
    expect(handle(() => rooms({ sid: 'another' }))).toEqual([]);
  });

  it.each([() => joinRoom('a'), () => leaveRoom('a'), () => closeRoom('a'), () => rooms()])(
    'B6 are nothing outside of a handler: %s',
    (use) => {
      expect(use).toThrow('FSK_NO_CONTEXT');
    },
  );
});
