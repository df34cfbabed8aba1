import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { resolveLimits, type Limits } from '../../../../lib/common/limits.js';
import { PostRequests } from '../../../../lib/connection/limits/post-requests.js';
import type { Observer } from '../../../../lib/dispatch/observer.js';
import { keptLog } from '../../../support/units.js';

/** What it uses of an engine, with one connection over polling. */
function enginesTransport() {
  const transport: Record<string, unknown> = {
    name: 'polling',
    sid: 'a',
    protocol: 4,
    readyState: 'open',
    onError: () => {},
  };
  const connection = { transport, readyState: 'open', request: { _query: {} } };
  const engine = Object.assign(new EventEmitter(), {
    clients: { a: connection },
    handleRequest: () => {},
    opts: { maxHttpBufferSize: 100_000 },
  });
  return { engine, transport, connection };
}

function watching(limits?: Limits | false) {
  const logger = keptLog();
  const dropped: string[] = [];
  const observer = { eventDropped: (reason: string) => void dropped.push(reason) } as unknown as Observer;
  const requests = new PostRequests({
    limits: { limits: resolveLimits(limits) },
    logger,
    executor: { observer },
    addressOf: () => '192.0.2.1',
  });
  const fake = enginesTransport();
  requests.watch(fake as never); // what it uses of a server
  fake.engine.emit('connection', fake.connection);
  return { ...fake, logger, dropped };
}

describe('the POST requests of clients', () => {
  it('are logged and counted when they end their client', () => {
    const { transport, logger, dropped } = watching();
    const request = Object.assign(new Readable({ read() {} }), { headers: {} });
    const response = { writeHead: () => response, end: () => response };
    const take = transport['onDataRequest'] as (request: IncomingMessage, response: ServerResponse) => void;
    take.call(transport, request as never, response as never); // what it uses of them
    for (let piece = 0; piece <= 1_000; piece++) request.emit('data', Buffer.from('4'));

    expect({ lines: logger.lines, dropped }).toEqual({
      lines: ['warn: A POST request came in pieces of a few bytes. Its client is disconnected: 192.0.2.1'],
      dropped: ['post'],
    });
  });

  it('are left to the engine where all limits are off', () => {
    const { transport, engine } = watching(false);
    expect(transport).not.toHaveProperty('onDataRequest');
    expect(engine.listenerCount('connection')).toBe(0);
  });

  it('are taken where one limit is left', () => {
    expect(watching({ eventRate: false }).transport).toHaveProperty('onDataRequest');
  });

  it('need an engine', () => {
    const requests = new PostRequests({
      limits: { limits: resolveLimits() },
      logger: keptLog(),
      executor: { observer: undefined },
      addressOf: () => undefined,
    });
    expect(() => requests.watch({})).not.toThrow();
  });
});
