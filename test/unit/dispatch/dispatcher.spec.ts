import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../../../lib/dispatch/dispatcher.js';
import type { Executor, HandlerRun } from '../../../lib/dispatch/executor.js';
import type { Observer } from '../../../lib/dispatch/observer.js';
import type { UnhandledEvents } from '../../../lib/dispatch/failures.js';
import type { Handler } from '../../../lib/handlers/handler.js';
import { replaceDispatch } from '../../../lib/socketio/socket-internals.js';
import { Gate } from '../../support/journal.js';
import { connectionTo, handlerOf, keptLog, registryOf } from '../../support/units.js';

/** A client whose events go to a dispatcher, which hands them to an executor that notes them. */
async function dispatching(
  handlers: Record<string, Partial<Handler>> = {},
  { serial = false, running = () => undefined as Promise<void> | undefined } = {},
) {
  const steps: string[] = [];
  const runs: HandlerRun[] = [];
  const log = keptLog();
  const observer: Observer = {
    serverCreated: () => {},
    eventReceived: (_, name) => void steps.push(`received ${name}`),
    eventDropped: (reason) => void steps.push(`dropped ${reason}`),
    handlerEnded: () => {},
    handlerFailed: () => {},
    limitReached: () => {},
  };
  const executor = {
    observer,
    handleEvent: (run: HandlerRun) => {
      runs.push(run);
      return running();
    },
  };
  const registry = registryOf(
    ...Object.entries(handlers).map(([event, more]) => ({
      kind: 'event' as const,
      event,
      handler: handlerOf(undefined, { catchAll: event === '*', ...more }),
    })),
  );
  const dispatcher = new Dispatcher({
    registry,
    executor: executor as unknown as Executor, // all that a dispatcher asks it
    logger: log,
    serial: () => serial,
    unhandled: {
      report: (_: unknown, name: string) => void steps.push(`unhandled ${name}`),
    } as unknown as UnhandledEvents, // likewise
  });
  const expiring: unknown[] = [];
  const connected = await connectionTo({ runtime: { expiryChanged: (which) => void expiring.push(which) } });
  replaceDispatch(connected.socket, dispatcher.listener);
  const dispatch = (...event: unknown[]) => dispatcher.listener.call(connected.socket, event);
  const handled = () => runs.map(({ request, values }) => [request.event.message, ...values]);
  return { ...connected, dispatch, handled, runs, steps, log, expiring };
}

describe('the dispatcher', () => {
  it('V4 takes an event apart: name, arguments, acknowledgement', async () => {
    const { dispatch, runs } = await dispatching({ order: {} });
    const acknowledge = () => {};
    dispatch('order', 'tea', 2, acknowledge);
    const { request, values } = runs[0]!;

    expect([request.event, values]).toEqual([{ message: 'order', args: ['tea', 2] }, ['tea', 2]]);
    expect(request.acknowledge).toBe(acknowledge);
  });

  it("V11 hands the name to the handler of '*', which counts as that", async () => {
    const { dispatch, handled, steps } = await dispatching({ '*': {} });
    dispatch('anything', 1);

    expect([handled(), steps]).toEqual([[['anything', 'anything', 1]], ['received *']]);
  });

  it.each(['connect', 'disconnecting', 'error', 'x'.repeat(129), 7, undefined])(
    'V2 hands no handler an event with the name %s',
    async (name) => {
      const { dispatch, handled, steps } = await dispatching({ '*': {} });
      dispatch(name);

      expect([handled(), steps]).toEqual([[], ['dropped invalid_name']]);
    },
  );

  it('V7 reports an event that nobody handles', async () => {
    const { dispatch, steps } = await dispatching({ order: {} });
    dispatch('other');

    expect(steps).toEqual(['received unknown', 'dropped no_handler', 'unhandled other']);
  });

  it("hands an event to listeners, too, and none of theirs to '*'", async () => {
    const { dispatch, socket, handled } = await dispatching({ order: {}, '*': {} });
    const heard: unknown[][] = [];
    for (const name of ['order', 'listened'] as const)
      socket.on(name, (...values) => void heard.push(values));
    dispatch('order', 1);
    dispatch('listened', 2);

    expect([handled(), heard]).toEqual([[['order', 1]], [[1], [2]]]);
  });

  it('logs what a listener throws, and throws nothing', async () => {
    const { dispatch, socket, log } = await dispatching();
    socket.on('order', () => {
      throw new Error('no tea');
    });
    dispatch('order');

    expect(log.lines).toEqual([expect.stringMatching(/listener of 'order'.*no tea/s)]);
  });

  it('C10 waits until the client is admitted', async () => {
    const { dispatch, connection, handled } = await dispatching({ order: {} });
    const gate = new Gate();
    connection.connectHandled = gate.opened.then(() => (connection.connectHandled = undefined));
    dispatch('order');
    const before = handled();
    gate.open();
    await connection.connectHandled;
    await Promise.resolve();

    expect([before, handled()]).toEqual([[], [['order']]]);
  });

  it('drops what has waited for a client that is gone meanwhile', async () => {
    const { dispatch, connection, handled, steps } = await dispatching({ order: {} });
    const gate = new Gate();
    connection.connectHandled = gate.opened.then(() => (connection.connectHandled = undefined));
    dispatch('order');
    connection.state = 'disconnected';
    gate.open();
    await connection.connectHandled;
    await Promise.resolve();

    expect([handled(), steps.at(-1)]).toEqual([[], 'dropped client_gone']);
  });

  it('hands serial events on one after the other, and all others at once', async () => {
    const gate = new Gate();
    const events = { one: {}, two: {}, now: { ordering: 'concurrent' as const } };
    const { dispatch, connection, handled } = await dispatching(events, {
      serial: true,
      running: () => gate.opened,
    });
    for (const name of ['one', 'two', 'now']) dispatch(name);
    const before = handled();
    gate.open();
    await connection.client.serialEvents?.last;

    expect([before, handled()]).toEqual([
      [['one'], ['now']],
      [['one'], ['now'], ['two']],
    ]);
  });

  it('A3 hands on nothing of a client whose time has come', async () => {
    const { dispatch, connection, handled, expiring } = await dispatching({ order: {} });
    connection.client.expiresAt = Date.now() - 1;
    dispatch('order');

    expect([handled(), expiring]).toEqual([[], [connection]]);
  });

  it('hands on nothing of a client that is not connected any more', async () => {
    const { dispatch, socket, handled } = await dispatching({ order: {} });
    socket.disconnect();
    dispatch('order');

    expect(handled()).toEqual([]);
  });

  it("asks the socket's own middlewares first; what one refuses goes no further", async () => {
    const { dispatch, socket, handled } = await dispatching({ order: {}, other: {} });
    const errors: Error[] = [];
    socket.on('error', (error) => void errors.push(error));
    socket.use(([name], next) => next(name === 'order' ? undefined : new Error('refused')));
    dispatch('order');
    dispatch('other');

    expect([handled(), errors.map(({ message }) => message)]).toEqual([[['order']], ['refused']]);
  });

  it('X4 tells a client, whose event waits for an answer, that a middleware of its socket threw', async () => {
    const { dispatch, socket, handled, log } = await dispatching({ order: {} });
    const answers: unknown[] = [];
    socket.use(() => {
      throw new Error('broken');
    });
    dispatch('order', (answer: unknown) => void answers.push(answer));

    expect([handled(), answers]).toEqual([[], [{ status: 'error', message: 'Internal server error' }]]);
    expect(log.lines[0]).toMatch(/socket middleware.*broken/s);
  });
});
