import { describe, expect, it } from 'vitest';
import { checkClusterMessage, checkPacket, clusterMessage } from '../../../lib/queue/cluster-message.js';
import type { Command } from '../../../lib/queue/queue.js';

const to = { nsp: '/', rooms: ['lobby'], except: [] };
const commands: Command[] = [
  { kind: 'emit', to, values: ['news', 1, Buffer.alloc(1)] },
  { kind: 'emit', to: { ...to, rooms: [], flags: { volatile: true } }, values: ['news'] },
  { kind: 'join', to, rooms: ['lobby'] },
  { kind: 'leave', to, rooms: [] },
  { kind: 'disconnect', to, close: true },
];

describe('a message of the adapters', () => {
  it.each(commands)('P4 is taken as commands make it: $kind', (command) => {
    const message = clusterMessage(command);
    expect(checkClusterMessage(message)).toBe(message);
  });

  const good = { uid: 'a1', nsp: '/', type: 3 };
  const opts = { rooms: [], except: [], flags: {} };
  const packet = { type: 2, data: ['news'], nsp: '/' };

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['a number as sender', { ...good, uid: 1 }],
    ['a sender that is no name', { ...good, uid: '../*' }],
    ['a sender with a long name', { ...good, uid: 'x'.repeat(65) }],
    ['no namespace', { ...good, nsp: undefined }],
    ['a type in words', { ...good, type: 'emit' }],
    ['half a type', { ...good, type: 3.5 }],
    ['data that is a list', { ...good, data: [] }],
    ['numbers as rooms', { ...good, data: { opts: { ...opts, rooms: [1] }, packet } }],
    ['text instead of rooms', { ...good, data: { opts: { ...opts, rooms: 'x' }, packet } }],
    ['numbers as exceptions', { ...good, data: { opts: { ...opts, except: [1] }, packet } }],
    ['text instead of flags', { ...good, data: { opts: { ...opts, flags: 'x' }, packet } }],
    ['rooms to join that are numbers', { ...good, type: 4, data: { opts, rooms: [7] } }],
    ['a number as request', { ...good, data: { opts, packet, requestId: 7 } }],
    ['text instead of sockets', { ...good, type: 8, data: { sockets: 'x' } }],
    ['an event of the server itself', { ...good, type: 9, data: { packet: ['connection', {}] } }],
    ['no event for servers', { ...good, type: 9, data: { packet: {} } }],
  ])('P4 is refused with %s', (_, message) => {
    expect(() => checkClusterMessage(message)).toThrow(/malformed/);
  });

  it.each<[string, unknown]>([
    ['CONNECT', { ...packet, type: 0 }],
    ['DISCONNECT', { ...packet, type: 1 }],
    ['ACK', { ...packet, type: 3 }],
    ['BINARY_EVENT', { ...packet, type: 5 }],
    ['a reserved name', { ...packet, data: ['disconnect'] }],
    ['a number as name', { ...packet, data: [7] }],
    ['no data', { ...packet, data: undefined }],
    ['text as id', { ...packet, id: 'x' }],
    ['a negative id', { ...packet, id: -1 }],
  ])('P4 reaches no client with %s, which would cut it off', (_, bad) => {
    expect(() => checkPacket(bad)).toThrow(/malformed/);
    expect(() => checkPacket(packet)).not.toThrow();
  });
});
