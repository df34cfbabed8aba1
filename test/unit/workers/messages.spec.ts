import { describe, expect, it } from 'vitest';
import { idOfWorker, workerOf } from '../../../lib/workers/messages.js';

describe('the worker of a request', () => {
  it.each([
    ['the one that its sid names', `/socket.io/?EIO=4&sid=${idOfWorker(37, 'abc')}`, 37],
    ['also in a URL with a host', 'http://a.example/socket.io/?sid=w2-a', 2],
    ['the one of the last sid, as for the engine', '/socket.io/?sid=w1-a&sid=w2-b', 2],
    ['the one of an escaped name', '/socket.io/?s%69d=w2-b', 2],
    ['none without a sid', '/socket.io/?EIO=4&transport=polling', undefined],
    ['none for a sid of no worker', '/socket.io/?sid=abc', undefined],
    ["none for what looks like one in another's value", '/socket.io/?EIO=4&z=?sid=w1-a', undefined],
    ['none for one in the path', '/&sid=w1-a', undefined],
    ['none behind a #', '/socket.io/?a#&sid=w1-a', undefined],
    ['none where there is no URL', 'http://', undefined],
  ])('P2 is %s', (_, target, worker) => {
    expect(workerOf(`GET ${target} HTTP/1.1`)).toBe(worker);
  });

  it('P2 is none where there is no request line', () => {
    expect(workerOf('')).toBeUndefined();
  });
});
