import { describe, expect, it } from 'vitest';
import {
  dataOf,
  emitMessage,
  messagesOf,
  readMessage,
  valuesOf,
} from '../../../../lib/queue/flask-socketio/flask-socketio-message.js';

const from = '108252df26ec4ddb9db291265292d688';
const read = (text: string) => readMessage(Buffer.from(text));

/** As Flask-SocketIO published them with python-socketio 5.16. */
const captured: [what: string, text: string, expected: object][] = [
  [
    'an event with bytes, for two rooms',
    `{"method": "emit", "event": "ev", "data": [[{"b": 1, "a": {"_placeholder": true, "num": 0}}, 2], "eA=="], "binary": true, "namespace": "/chat", "room": ["r1", "r2"], "skip_sid": null, "callback": null, "host_id": "${from}"}`,
    {
      method: 'emit',
      from,
      namespace: '/chat',
      event: 'ev',
      values: [{ b: 1, a: Buffer.from('x') }, 2],
      rooms: ['r1', 'r2'],
      except: [],
      callback: undefined,
    },
  ],
  [
    'an event with a callback',
    `{"method": "emit", "event": "x", "data": [1], "binary": false, "namespace": "/", "room": "a", "skip_sid": null, "callback": ["a", "/", 1], "host_id": "${from}"}`,
    {
      method: 'emit',
      from,
      namespace: '/',
      event: 'x',
      values: [1],
      rooms: ['a'],
      except: [],
      callback: ['a', '/', 1],
    },
  ],
  [
    'a room that is closed',
    `{"method": "close_room", "room": "r", "namespace": "/", "host_id": "${from}"}`,
    { method: 'close_room', from, namespace: '/', room: 'r' },
  ],
  [
    'an acknowledgement',
    `{"method": "callback", "host_id": "${from}", "sid": "a", "namespace": "/", "id": 1, "args": ["yes", 2]}`,
    { method: 'callback', from, namespace: '/', sid: 'a', id: 1, values: ['yes', 2] },
  ],
];

describe('readMessage', () => {
  it.each(captured)('P4 understands %s', (_, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('P4 knows nothing of methods that later versions may have', () => {
    expect(read('{"method": "later", "namespace": null}')).toBeUndefined();
  });

  it('P4 tells what pickle is', () => {
    expect(() => readMessage(Buffer.from([0x80, 4, 0x95]))).toThrow('it is pickle');
  });
});

describe('messagesOf', () => {
  const to = { nsp: '/chat', rooms: ['a', 'b'], except: [] };

  it('M1 has one message for each client and room', () => {
    const rooms = ['red', 'blue'];
    const message = (sid: string, room: string) => ({ method: 'enter_room', sid, room, namespace: '/chat' });
    const expected = [message('a', 'red'), message('a', 'blue'), message('b', 'red'), message('b', 'blue')];
    expect(messagesOf({ kind: 'join', to, rooms })).toEqual(expected);
  });

  it('M4 closes a room that everybody in it leaves, and only then', () => {
    const leave = (rooms: string[], left: string[]) =>
      messagesOf({ kind: 'leave', to: { ...to, rooms }, rooms: left }).map(
        (message) => (message as { method: string }).method,
      );
    expect(leave(['red'], ['red'])).toEqual(['close_room']);
    expect(leave(['red'], ['blue'])).toEqual(['leave_room']);
    expect(leave(['red', 'blue'], ['red'])).toEqual(['leave_room', 'leave_room']);
  });

  it('P4 has none where somebody is left out, or nobody is named', () => {
    expect(messagesOf({ kind: 'disconnect', close: false, to: { ...to, except: ['c'] } })).toEqual([]);
    expect(messagesOf({ kind: 'disconnect', close: false, to: { ...to, rooms: [] } })).toEqual([]);
  });
});

describe('emitMessage', () => {
  it('B4 B5 names one as text and several as a list', () => {
    const emitted = (rooms: string[], except: string[]) =>
      emitMessage({ to: { nsp: '/', rooms, except }, values: ['x'] });
    expect(emitted([], [])).toMatchObject({ room: null, skip_sid: null });
    expect(emitted(['a'], ['b'])).toMatchObject({ room: 'a', skip_sid: 'b' });
    expect(emitted(['a', 'b'], ['c', 'd'])).toMatchObject({ room: ['a', 'b'], skip_sid: ['c', 'd'] });
  });
});

describe('the data of an event for Python', () => {
  it.each<[what: string, values: unknown[]]>([
    ['nothing', []],
    ['null beside another', [null, 1]],
    ['a list', [[1, 2]]],
    ['bytes', [Buffer.from('a'), { deep: [Buffer.from('b')] }, Buffer.alloc(0)]],
    ['what looks like a placeholder, without bytes', [{ _placeholder: true, num: 0 }]],
  ])('E5 comes back as it was: %s', (_, values) => {
    const { data, binary } = dataOf(values);
    expect(valuesOf(JSON.parse(JSON.stringify(data)), binary)).toEqual(values);
  });

  it('E5 takes bytes in each form that JavaScript has', () => {
    const { buffer } = new Uint8Array([1, 2]);
    const values = [buffer, new Uint8Array(buffer), new DataView(buffer, 1)];
    expect(dataOf(values).data.slice(1)).toEqual(['AQI=', 'AQI=', 'Ag==']);
  });

  it('E5 says null alone as Python says nothing', () => {
    expect(valuesOf(dataOf([null]).data, false)).toEqual([]);
  });

  it('E8 changes nothing of what it was given', () => {
    const value = { deep: [Buffer.from('b')], at: new Date(0) };
    dataOf([value]);
    expect(value).toEqual({ deep: [Buffer.from('b')], at: new Date(0) });
  });

  it.each(['AA', 'A===', 'AA=A', '%%%%', 'AAA\n'])('P4 refuses %j, which is no base64', (text) => {
    expect(() => valuesOf([[{ _placeholder: true, num: 0 }], text], true)).toThrow(TypeError);
  });
});
