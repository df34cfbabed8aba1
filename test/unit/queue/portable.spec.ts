import { describe, expect, it } from 'vitest';
import { fromPortable, toPortable, unpack, mapData, portable } from '../../../lib/queue/portable.js';
import { portlessServer } from '../../support/units.js';

const server = portlessServer();

describe('an event on its way to another process', () => {
  it('E5 stays the same object where all serializers agree', () => {
    const data = ['event', { text: 'a', list: [1, null, true] }];

    expect(portable(server, data).data).toBe(data);
  });

  it.each([
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['NaN', Number.NaN, null],
    ['a Map', new Map([['a', 1]]), {}],
    ['what is undefined', { a: undefined }, {}],
    ['bytes', { bytes: Buffer.from('a') }, { bytes: Buffer.from('a') }],
  ])('E5 is what a client of this process gets: %s', (_, value, expected) => {
    const sent = portable(server, ['event', value]);

    expect(unpack(server, sent)).toStrictEqual(['event', expected]);
  });

  it('E8 that cannot be encoded throws where it is sent', () => {
    expect(() => portable(server, ['event', { at: new Date(0), big: 1n }])).toThrow(TypeError);
  });

  it('is checked when it arrives', () => {
    const parts = ['2["connect"]'];

    expect(() => unpack(server, { data: ['x'], parts })).toThrow();
  });

  it('changes broadcasts alone: of other messages it makes nothing else', () => {
    const join = { data: { rooms: ['a'], opts: {} } };
    const broadcast = { data: { packet: { type: 2, data: ['event', new Date(0)] }, opts: {} } };

    expect(mapData(server, join, toPortable)).toBe(join);
    expect(mapData(server, mapData(server, broadcast, toPortable), fromPortable)).toEqual({
      data: { packet: { type: 2, data: ['event', '1970-01-01T00:00:00.000Z'] }, opts: {} },
    });
  });
});
