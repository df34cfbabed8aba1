import { describe, expect, it } from 'vitest';
import { isUserRoom, roomName, user } from '../../../lib/common/address.js';

describe('user', () => {
  it('A3 names the same room for 7 and "7"', () => {
    expect(String(user(7))).toBe(String(user('7')));
  });

  it('A3 names another room for each other id', () => {
    const ids = ['7', '07', ' 7', '7.0', 'flask-socket:user:7'];
    expect(new Set(ids.map((id) => String(user(id)))).size).toBe(ids.length);
  });

  it.each(['', Number.NaN, Number.NEGATIVE_INFINITY, undefined, null, true, {}, [7], 7n])(
    'A3 takes no %s',
    (id) => {
      expect(() => user(id as never)).toThrow('FSK_INVALID_USER');
    },
  );

  it('A3 is a room that is known by its name', () => {
    expect([isUserRoom(String(user('ann'))), isUserRoom('ann'), isUserRoom('user:ann')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('A3 is a room where a room is named, its name alone is none', () => {
    const room = user('ann');

    expect(roomName(room)).toBe(String(room));
    expect(() => roomName(String(room))).toThrow('FSK_RESERVED_ROOM');
  });

  it.each([{ toString: () => 'lobby' }, {}, null])('M1 is the only object that names a room', (object) => {
    expect(() => roomName(object)).toThrow('FSK_INVALID_ROOM');
  });
});
