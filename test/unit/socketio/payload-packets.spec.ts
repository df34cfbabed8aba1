import { createRequire } from 'node:module';
import { stringify } from 'node:querystring';
import { describe, expect, it } from 'vitest';
import { packetsOf, packetsOfForm } from '../../../lib/socketio/payload-packets.js';

const require = createRequire(import.meta.url);
const engine = createRequire(require.resolve('socket.io'));
const transports = engine.resolve('engine.io').replace(/engine\.io\.js$/, 'transports');

/** A transport of engine.io's own, which notes the packets that it makes of a body. */
function enginesOwn(query: object) {
  const { default: of } = require(transports) as {
    default: { polling: new (request: object) => Record<string, unknown> };
  };
  const transport = new of.polling({ _query: query });
  const packets: unknown[] = [];
  transport['onPacket'] = (packet: unknown) => packets.push(packet);
  const parse = (body: string | Buffer) => {
    packets.length = 0;
    (transport['onData'] as (body: string | Buffer) => void)(body);
    return [...packets];
  };
  return { transport: transport as never, parse };
}

/** The packets up to the first that ends the connection. */
function made(packets: ReturnType<typeof packetsOf>): unknown[] {
  const all: unknown[] = [];
  for (let next = packets.next(); !next.done; next = packets.next()) {
    if (next.value?.type === 'close') break; // engine.io stops there as well
    if (next.value) all.push(next.value);
    if (next.value?.type === 'error') break;
  }
  return all;
}

const ours = (body: string | Buffer, transport: never) =>
  made(packetsOf(Buffer.from(body as string), transport, typeof body !== 'string'));

/** Texts made by a grammar, the same in each run. */
function* texts(parts: readonly string[], count: number): Generator<string> {
  let state = 7;
  const next = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let number = 0; number < count; number++)
    yield Array.from({ length: next(6) }, () => parts[next(parts.length)]!).join('');
}

describe('the packets of a payload', () => {
  const { transport: four, parse: parseFour } = enginesOwn({ EIO: '4' });
  const { transport: three, parse: parseThree } = enginesOwn({ EIO: '3' });

  it('are those of engine.io in protocol 4', () => {
    const parts = ['42["a"]', '\x1e', '2', '3probe', 'bAAEC', 'x', 'ä😀', '6'];
    for (const text of texts(parts, 3_000)) expect(ours(text, four), text).toEqual(parseFour(text));
  });

  it('are those of engine.io in protocol 3', () => {
    const parts = ['1:2', '8:42["a"]x', '8:42["abc"', '0:', '6:b4AAEC', '2:4ä', '3:4😀', 'x', ':', '12'];
    for (const text of texts(parts, 3_000)) expect(ours(text, three), text).toEqual(parseThree(text));
  });

  it('are those of engine.io in a binary payload of protocol 3', () => {
    const framed = (kind: number, packet: Buffer) =>
      Buffer.concat([Buffer.of(kind, ...Array.from(String(packet.length), Number), 255), packet]);
    const body = Buffer.concat([
      framed(0, Buffer.from('42["ä😀"]')),
      framed(1, Buffer.of(4, 1, 2, 3)),
      framed(0, Buffer.from('2')),
    ]);
    expect(ours(body, three)).toEqual(parseThree(body));
  });

  it.each([
    ['a length without an end', Buffer.of(0, 1, 2, 3)],
    ['more than there is', Buffer.of(0, 9, 255, 0x34)],
    ['nothing', Buffer.of(0, 0, 255)],
    ['a text that is none', Buffer.of(0, 2, 255, 0x34, 0xff)],
    ['a length of no digits', Buffer.of(1, 255, 4)],
  ])('end with an error where a binary payload has %s', (_, body) => {
    expect(ours(body, three)).toEqual([{ type: 'error', data: 'parser error' }]);
  });

  it('are made one by one', () => {
    const decoded: string[] = [];
    const parser = { decodePacket: (data: string) => ({ type: decoded[decoded.push(data) - 1]! }) };
    const packets = packetsOf(Buffer.from('2\x1e3\x1e4'), { protocol: 4, parser } as never, false);
    packets.next();
    expect(decoded).toEqual(['2']);
  });
});

describe('the packets of a form', () => {
  const { transport, parse } = enginesOwn({ EIO: '4', j: '0' });
  const ofForm = (form: string) => made(packetsOfForm(Buffer.from(form), transport));

  it('are those of engine.io', () => {
    const parts = ['42["a', '\\', 'n', '\n', 'ä😀', '+', ' ', '%', '&', '=', 'd=', '\x1e2'];
    for (const text of texts(parts, 3_000)) {
      const form = stringify({ d: `4${text}` });
      expect(ofForm(form), form).toEqual(parse(form));
    }
  });

  it('are the same where it is decoded in parts', () => {
    for (const text of ['\\n', '\\\\n', 'ä', '%', '+']) {
      for (const before of ['', '1', '12']) {
        const form = stringify({ d: `4${before}${text.repeat(20_000)}` });
        expect(ofForm(form)).toEqual(parse(form));
      }
    }
  });

  it.each(['', 'x=1', 'xd=4'])('are none where there is no such field: %o', (form) => {
    expect(ofForm(form)).toEqual([]);
  });

  it('are found after other fields', () => {
    expect(ofForm('x=1&d=4a&y=2')).toEqual([{ type: 'message', data: 'a' }]);
  });
});
