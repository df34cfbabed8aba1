import { Decoder, type Encoder } from 'socket.io-parser';
import { describe, expect, it } from 'vitest';
import type { ResolvedOptions } from '../../../lib/common/options.js';
import { hasForeignPlaceholders } from '../../../lib/socketio/placeholders.js';
import { parserOf } from '../../../lib/socketio/packet-parser.js';

/** What a client decodes of data that the server sends. */
function sent(...values: unknown[]): unknown {
  const parser = parserOf({ serializer: 'default' } as ResolvedOptions);
  const encoder = new (parser.Encoder as unknown as typeof Encoder)(); // its type is that of any parser's
  const decoder = new Decoder();
  let received: unknown;
  decoder.on('decoded', ({ data }) => (received = data));
  for (const part of encoder.encode({ type: 2, nsp: '/', data: ['news', ...values] })) decoder.add(part);
  return received;
}

describe('data that looks like a placeholder', () => {
  it.each([
    ['without a number', { _placeholder: true, a: 1 }, { a: 1 }],
    ['with the number of other bytes', [{ _placeholder: true, num: 0 }], [{ num: 0 }]],
    ['with the number of none', { a: { _placeholder: true, num: 9 } }, { a: { num: 9 } }],
  ])('%s closes no connection beside bytes', (_, data, arrived) => {
    expect(sent(data, Buffer.from('a'))).toEqual(['news', arrived, Buffer.from('a')]);
  });

  it.each([[{ _placeholder: true, num: 0 }], [{ _placeholder: false }], ['"_placeholder":true']])(
    'stays as it is where it does no harm: %j',
    (data) => {
      expect(sent(data)).toEqual(['news', data]);
    },
  );

  it('a text is none', () => {
    expect(sent('{"_placeholder":true}', Buffer.from('a'))).toEqual(['news', '{"_placeholder":true}', Buffer.from('a')]); // prettier-ignore
  });

  it('bytes alone are none', () => {
    expect(hasForeignPlaceholders(['51-["a",{"_placeholder":true,"num":0}]', Buffer.from('a')])).toBe(false);
  });
});
