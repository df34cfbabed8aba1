import { describe, expect, it } from 'vitest';
import { dataOf, valuesOf } from '../../../../lib/queue/flask-socketio/flask-socketio-message.js';

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
