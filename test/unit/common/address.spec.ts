import { describe, expect, it } from 'vitest';
import { resolveAddress, roomName, type Address, type Recipients } from '../../../lib/common/address.js';

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
