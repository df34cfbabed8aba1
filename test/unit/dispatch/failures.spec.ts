import { BadRequestException, ForbiddenException, HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Failures, isClientError, safeError, UnhandledEvents } from '../../../lib/dispatch/failures.js';
import type { Filter } from '../../../lib/handlers/handler.js';
import { connectionTo, handlerOf, keptLog, registryOf, requestOf } from '../../support/units.js';

const INTERNAL = { status: 'error', message: 'Internal server error' };

const filter = (name: string, catches = true): Filter => ({ catches: () => catches, catch: () => name });
const answering = (kind: 'error' | 'errorDefault') => ({ kind, handler: handlerOf(() => kind) });

/** An event that failed. */
async function failing(...definitions: Parameters<typeof registryOf>) {
  const log = keptLog();
  const { connection, wire } = await connectionTo();
  const failures = new Failures(registryOf(...definitions), log);
  return { failures, request: requestOf(connection, 'order'), log, wire, connection };
}

describe('what happens to an error', () => {
  it.each([
    ['a filter that catches it', ['method', 'error', 'errorDefault', 'global'], 'method'],
    ['@OnError()', ['error', 'errorDefault', 'global'], 'error'],
    ['@OnErrorDefault()', ['errorDefault', 'global'], 'errorDefault'],
    ['a global filter', ['global'], 'global'],
  ])('X2 is decided by %s before all that follow', async (_, there, expected) => {
    const kinds = (['error', 'errorDefault'] as const).filter((kind) => there.includes(kind));
    const { failures, request, log } = await failing(...kinds.map(answering));
    const handler = handlerOf(undefined, {
      filters: there.includes('method')
        ? [filter('other', false), filter('method')]
        : [filter('other', false)],
      globalFilters: there.includes('global') ? [filter('global')] : [],
    });

    expect(failures.handle(request, handler, new Error('no'))).toBe(expected);
    expect(log.lines).toEqual([]);
  });

  it('X5 that nobody handles is logged once, and told in a safe form: as event and as answer', async () => {
    const { failures, request, log, wire } = await failing();
    const told = failures.handle(request, handlerOf(), new Error('the password is x'));

    expect([told, wire.received]).toEqual([INTERNAL, [`2["exception",${JSON.stringify(INTERNAL)}]`]]);
    expect(log.lines).toEqual([
      expect.stringMatching(/^error: Error in 'order' of '\/', sid .*Gateway\.handle.*the password is x/s),
    ]);
  });

  it('X5 that is a mistake of the client, is a line for debugging', async () => {
    const { failures, request, log } = await failing();
    const told = failures.handle(request, handlerOf(), new WsException('no tea'));

    expect(told).toEqual({ status: 'error', message: 'no tea' });
    expect(log.lines).toEqual([expect.stringMatching(/^debug: .*no tea/)]);
  });

  it('V13 of a guard that says no, is a warning', async () => {
    const { failures, request, log } = await failing();
    request.denied = true;
    failures.handle(request, handlerOf(), new ForbiddenException());

    expect(log.lines).toEqual([expect.stringMatching(/^warn: A guard refused/)]);
  });

  it('is sent to nobody who is not connected', async () => {
    const { failures, request, wire, connection } = await failing();
    connection.state = 'disconnecting';
    failures.handle(request, handlerOf(), new Error('no'));

    expect(wire.received).toEqual([]);
  });

  it('X5 whose handler fails, too, is told as if nobody had handled it; the log has both', async () => {
    const { failures, request, log } = await failing();
    const errors = { first: new WsException('first'), second: new Error('second') };

    expect(failures.errorHandlerFailed(request, handlerOf(), errors)).toEqual({
      status: 'error',
      message: 'first',
    });
    expect(log.lines.map((line) => /first|second/.exec(line)?.[0])).toEqual(['first', 'second']);
  });

  it('X5 that has been told and logged is so once, whatever fails afterwards', async () => {
    const { failures, request, log, wire } = await failing();
    const first = new Error('first');
    failures.handle(request, handlerOf(), first);
    failures.errorHandlerFailed(request, handlerOf(), { first, second: new Error('second') });

    expect([wire.received.length, log.lines.length]).toEqual([1, 2]);
  });
});

describe('what a client hears of an error', () => {
  it.each([
    ['an error', new Error('secret'), INTERNAL],
    ['what is no error', 'secret', INTERNAL],
    ['a WsException', new WsException('text'), { status: 'error', message: 'text' }],
    ['its object', new WsException({ code: 7 }), { status: 'error', code: 7 }],
    ['an HttpException', new BadRequestException('text'), { status: 'error', message: 'text' }],
    ['its texts', new BadRequestException(['a', 'b']), { status: 'error', message: ['a', 'b'] }],
    ['what it was given', new HttpException({ code: 7 }, 400), { status: 'error', code: 7 }],
    ['what cannot be sent', new WsException({ big: 1n }), INTERNAL],
  ])('X5 of %s', (_, error, expected) => {
    expect(safeError(error)).toEqual(expected);
  });

  it('is a mistake of its own below status 500', () => {
    const errors = [
      new WsException(''),
      new HttpException('', 499),
      new HttpException('', 500),
      new Error(''),
    ];

    expect(errors.map(isClientError)).toEqual([true, true, false, false]);
  });
});

describe('an event without a handler', () => {
  async function reporting(isDebug: boolean) {
    const log = keptLog();
    const registry = registryOf({ kind: 'event', event: 'order', handler: handlerOf() });
    const { socket } = await connectionTo();
    return { log, socket, unhandled: new UnhandledEvents({ registry, logger: log, debug: () => isDebug }) };
  }

  it('V7 is a line for debugging', async () => {
    const { unhandled, socket, log } = await reporting(true);
    unhandled.report(socket, 'oder', false);

    expect(log.lines).toEqual([expect.stringMatching(/^debug: No handler for 'oder'/)]);
  });

  it('V7 is a warning with the names that there are, once for each name, where its client waits', async () => {
    const { unhandled, socket, log } = await reporting(true);
    socket.on('listened', () => {});
    unhandled.report(socket, 'oder', true);
    unhandled.report(socket, 'oder', true);

    expect(log.lines).toEqual([
      expect.stringMatching(/^warn: .*There are: 'order', 'listened'\.$/),
      expect.stringMatching(/^debug: /),
    ]);
  });

  it('V7 is nothing where nobody debugs', async () => {
    const { unhandled, socket, log } = await reporting(false);
    unhandled.report(socket, 'oder', true);

    expect(log.lines).toEqual([]);
  });
});
