import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Address,
  isSid,
  isUserRoom,
  type Recipients,
  resolveAddress,
  roomName,
  sidFrom,
  user,
} from '../../../lib/common/address.js';

const origin = { namespace: '/chat', sid: 'me' };

type Case = [statement: string, recipients: Recipients, address: Partial<Address>];

const inside: Case[] = [
  ['E2 replies to the sender', {}, { kind: 'self', rooms: [], except: [] }],
  ['E3 stays in the namespace of the event', {}, { namespace: '/chat' }],
  ['E3 goes to another namespace', { namespace: '/other' }, { namespace: '/other', kind: 'self' }],
  ['E3 goes to the default namespace', { namespace: '/' }, { namespace: '/' }],
  ['B1 reaches everybody with broadcast', { broadcast: true }, { kind: 'everybody', except: [] }],
  ['B1 replies to the sender with broadcast: false', { broadcast: false }, { kind: 'self' }],
  ['B5 reaches a room', { to: 'a' }, { kind: 'rooms', rooms: ['a'] }],
  ['B5 takes room for to', { room: 'a' }, { kind: 'rooms', rooms: ['a'] }],
  ['B5 prefers to to room', { to: 'a', room: 'b' }, { rooms: ['a'] }],
  ['B5 prefers to to broadcast', { to: 'a', broadcast: true }, { kind: 'rooms', rooms: ['a'] }],
  ['B5 prefers room to broadcast', { room: 'a', broadcast: true }, { kind: 'rooms', rooms: ['a'] }],
  ['B5 takes several rooms', { to: ['a', 7] }, { kind: 'rooms', rooms: ['a', '7'] }],
  ['B5 keeps an empty list empty', { to: [] }, { kind: 'rooms', rooms: [] }],
  [
    'B5 keeps an empty list empty beside broadcast',
    { to: [], broadcast: true },
    { kind: 'rooms', rooms: [] },
  ],
  ['B5 keeps an empty list empty beside room', { to: [], room: 'b' }, { kind: 'rooms', rooms: [] }],
  ['M1 takes a number for its name', { to: 0 }, { kind: 'rooms', rooms: ['0'] }],
  ['M1 knows a room without letters', { to: '' }, { kind: 'rooms', rooms: [''] }],
  ['B4 leaves the sender out', { broadcast: true, includeSelf: false }, { except: ['me'] }],
  ['B4 keeps the sender in', { broadcast: true, includeSelf: true }, { except: [] }],
  ['B4 leaves the sender out of a room', { to: 'a', includeSelf: false }, { rooms: ['a'], except: ['me'] }],
  ['B4 skips a sid', { broadcast: true, skipSid: 'x' }, { except: ['x'] }],
  ['B4 skips several sids', { broadcast: true, skipSid: ['x', 'y'] }, { except: ['x', 'y'] }],
  ['B4 skips nobody for an empty list', { broadcast: true, skipSid: [] }, { except: [] }],
  [
    'B4 leaves out the sender beside a sid',
    { to: 'a', includeSelf: false, skipSid: 'x' },
    { except: ['x', 'me'] },
  ],
];

const outside: Case[] = [
  ['B3 reaches everybody', {}, { kind: 'everybody', namespace: '/', rooms: [], except: [] }],
  ['B3 reaches everybody even with broadcast: false', { broadcast: false }, { kind: 'everybody' }],
  ['B3 goes to a namespace', { namespace: '/chat' }, { kind: 'everybody', namespace: '/chat' }],
  ['B3 is narrowed by to', { to: 'a' }, { kind: 'rooms', rooms: ['a'] }],
  ['B5 keeps an empty list empty', { to: [] }, { kind: 'rooms', rooms: [] }],
  ['B4 skips sids', { skipSid: ['x'] }, { except: ['x'] }],
  ['B4 has no sender to leave out', { includeSelf: false }, { kind: 'everybody', except: [] }],
];

describe('the address of an emit in a handler', () => {
  it.each(inside)('%s', (_, recipients, address) => {
    expect(resolveAddress(recipients, origin)).toMatchObject(address);
  });

  it('B4 leaves the given list of sids as it is', () => {
    const skipSid = ['x'];

    resolveAddress({ broadcast: true, includeSelf: false, skipSid }, origin);

    expect(skipSid).toEqual(['x']);
  });
});

describe('the address of an emit outside of handlers', () => {
  it.each(outside)('%s', (_, recipients, address) => {
    expect(resolveAddress(recipients)).toMatchObject(address);
  });

  it.each(['chat', '', '/a b', '/a,b', '/a?b=1'])('E3 refuses the namespace "%s"', (namespace) => {
    expect(() => resolveAddress({ namespace })).toThrow('FSK_INVALID_NAMESPACE');
  });
});

describe('the name of a room', () => {
  it.each([
    ['lobby', 'lobby'],
    [7, '7'],
    [0, '0'],
    ['', ''],
  ])('M1 of %j is "%s"', (room, name) => {
    expect(roomName(room)).toBe(name);
  });

  it.each([[undefined], [null], [true], [{}], [['a']], [Symbol('a')], [Object.create(null)]])(
    'M1 is never %o',
    (room) => {
      expect(() => roomName(room)).toThrow('FSK_INVALID_ROOM');
    },
  );
});

/** As socket.io makes them. */
const newId = () => randomBytes(15).toString('base64url');
const newSid = () => sidFrom(newId());

describe('sidFrom', () => {
  it('gives 20 characters of base64url, each time others, from what is random', () => {
    const ids = Array.from({ length: 1_000 }, newId);
    const sids = ids.map(sidFrom);

    expect(new Set(sids).size).toBe(1_000);
    expect(sids.filter((sid) => !/^[\w-]{20}$/.test(sid))).toEqual([]);
    expect(sids.map((sid) => sid.slice(0, 16))).toEqual(ids.map((id) => id.slice(0, 16)));
  });
});

describe('isSid', () => {
  it('knows every sid', () => {
    expect(Array.from({ length: 1_000 }, newSid).filter((sid) => !isSid(sid))).toEqual([]);
  });

  it('knows no other name, not even one that differs in a single character', () => {
    const sid = newSid();
    const others = Array.from(sid, (character, index) => sid.slice(0, index) + (character === 'x' ? 'y' : 'x') + sid.slice(index + 1)); // prettier-ignore

    expect(others.filter(isSid)).toEqual([]);
    expect(['', 'lobby', `${sid}x`, sid.slice(1), '日'.repeat(20), 'aaaaaaaaaaaaaaaaaaaa'].filter(isSid)).toEqual([]); // prettier-ignore
  });
});

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
