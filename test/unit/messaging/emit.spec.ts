import { describe, expect, it } from 'vitest';
import { args } from '../../../lib/common/args.js';
import { storage } from '../../../lib/context/storage.js';
import { emit, send } from '../../../lib/messaging/emit.js';
import { connectionTo, requestOf } from '../../support/units.js';

describe('emit() and send()', () => {
  it.each<[title: string, speak: () => void, expected: string]>([
    ['E2 reply to the sender', () => emit('news', { a: 1 }), '2["news",{"a":1}]'],
    ['E5 take several arguments', () => emit('news', args(1, 2)), '2["news",1,2]'],
    ['E5 take none', () => emit('news'), '2["news"]'],
    ['E1 name a message', () => send('text'), '2["message","text"]'],
    ['E1 name JSON', () => send({ a: 1 }, { json: true }), '2["json",{"a":1}]'],
  ])('%s', async (_, speak, expected) => {
    const { connection, wire } = await connectionTo();
    storage.run(requestOf(connection), speak);

    expect(wire.received).toEqual([expected]);
  });

  it.each([() => emit('news'), () => send('text')])('B6 are nothing outside of a handler: %s', (speak) => {
    expect(speak).toThrow('FSK_NO_CONTEXT');
  });
});
