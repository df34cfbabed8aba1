import { of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { args } from '../../../lib/common/args.js';
import { currentRequest } from '../../../lib/context/storage.js';
import { Executor, type Outcome, type HandlerRun } from '../../../lib/dispatch/executor.js';
import { Failures } from '../../../lib/dispatch/failures.js';
import type { Handler } from '../../../lib/handlers/handler.js';
import type { ScopedInstances } from '../../../lib/handlers/scoped-instances.js';
import { Gate } from '../../support/journal.js';
import { connectionTo, handlerOf, keptLog, registryOf, requestOf } from '../../support/units.js';

const SAFE = { status: 'error', message: 'Internal server error' };

const throwing = (error: unknown) => (): never => {
  throw error;
};

/** An executor, and an event that asks for an acknowledgement. */
async function executing(
  handle: Handler['run'],
  {
    message = 'event',
    onError,
    ...more
  }: Partial<Handler> & { message?: string; onError?: Handler['run'] } = {},
) {
  const log = keptLog();
  const registry = onError ? registryOf({ kind: 'error', handler: handlerOf(onError) }) : registryOf();
  const instances: unknown[] = [];
  const scoped = { instancesOf: () => instances, durableInstancesOf: () => instances };
  const executor = new Executor(
    new Failures(registry, log),
    scoped as unknown as ScopedInstances, // all that an executor asks it
    log,
  );
  const { connection, socket } = await connectionTo();
  const request = requestOf(connection, message);
  const answers: unknown[][] = [];
  request.acknowledge = (...values) => void answers.push(values);
  const run: HandlerRun = { request, handler: handlerOf(handle, more), values: request.event.args };
  return { executor, run, answers, log, socket, connection, instances };
}

describe('the executor', () => {
  it.each([
    ['a value', () => 'one', ['one']],
    ['an array', () => [1, 2], [[1, 2]]],
    ['args()', () => args('one', 2), ['one', 2]],
    ['nothing', () => undefined, []],
    ['a promise', () => Promise.resolve(0), [0]],
    ['an Observable', () => of('first', 'last'), ['last']],
    ['a promise of one', () => Promise.resolve(of(1, 2)), [2]],
  ])('V6 acknowledges with what a handler returns: %s', async (_, handle, expected) => {
    const { executor, run, answers } = await executing(handle);
    await executor.handleEvent(run);

    expect(answers).toEqual([expected]);
  });

  it('makes no promise for a handler that makes none', async () => {
    const { executor, run, answers } = await executing(() => 'done');

    expect([executor.handleEvent(run), answers, executor.inFlight.size]).toEqual([undefined, [['done']], 0]);
  });

  it('acknowledges nothing to a client that has left', async () => {
    const { executor, run, answers, socket } = await executing(() => 'done');
    socket.disconnect();
    await executor.handleEvent(run);

    expect(answers).toEqual([]);
  });

  it('B6 runs a handler, and what that waits for, in the context of its event', async () => {
    const seen: unknown[] = [];
    const { executor, run } = await executing(async () => {
      seen.push(currentRequest('a test'));
      await Promise.resolve();
      seen.push(currentRequest('a test'));
    });
    await executor.handleEvent(run);

    expect(seen).toEqual([run.request, run.request]);
    expect(() => currentRequest('a test')).toThrow('FSK_NO_CONTEXT');
  });

  it('C3 asks the guards first, then what stands between them and the function', async () => {
    const steps: string[] = [];
    const { executor, run } = await executing(() => void steps.push('function'), {
      guard: async () => void steps.push('guards'),
    });
    await executor.runWithoutResult({ ...run, afterGuards: async () => void steps.push('between') });

    expect(steps).toEqual(['guards', 'between', 'function']);
  });

  it('ends an event without a word where its guards say so', async () => {
    const { executor, run, answers, log } = await executing(throwing('reached'), { guard: () => false });
    await executor.handleEvent(run);

    expect([answers, log.lines]).toEqual([[[]], []]);
  });

  it.each([
    ['throws', throwing(new Error('no'))],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['errors as an Observable', () => throwError(() => new Error('no'))],
  ])('X2 acknowledges with what the error handler returns when a handler %s', async (_, handle) => {
    const { executor, run, answers, log } = await executing(handle, {
      onError: (request, [error]) => `${request.event.message}: ${(error as Error).message}`,
    });
    await executor.handleEvent(run);

    expect([answers, log.lines]).toEqual([[['event: no']], []]);
  });

  it('X5 never rejects, not even when the error handler throws, too: both are logged', async () => {
    const { executor, run, answers, log } = await executing(throwing(new Error('first')), {
      onError: throwing(new Error('second')),
    });
    await executor.handleEvent(run);

    expect(answers).toEqual([[SAFE]]);
    expect(log.lines.map((line) => /first|second/.exec(line)?.[0])).toEqual(['first', 'second']);
  });

  it('X4 counts a result that cannot be encoded as thrown', async () => {
    const { executor, run, answers, log } = await executing(() => 'a BigInt, say');
    const { acknowledge } = run.request;
    let times = 0;
    run.request.acknowledge = (...values) => {
      if (++times === 1) throw new Error('cannot be encoded');
      acknowledge!(...values);
    };
    await executor.handleEvent(run);

    expect([answers, log.lines.length]).toEqual([[[SAFE]], 1]);
  });

  it.each([
    ['its result', () => Promise.resolve('done'), { result: 'done' }],
    ['what it threw', throwing('no'), { error: 'no' }],
  ])('hands on what came of a handler, %s, and acknowledges nothing', async (_, handle, expected) => {
    const { executor, run, answers, log } = await executing(handle);
    const outcomes: Outcome[] = [];
    await executor.runForOutcome(run, (_run, outcome) => void outcomes.push(outcome));

    expect([outcomes, answers, log.lines]).toEqual([[expected], [], []]);
  });

  it('tells a client that something failed when those fail who take the outcome', async () => {
    const { executor, run, answers, log } = await executing(() => 'done');
    await executor.runForOutcome(run, throwing(new Error('not taken')));

    expect(answers).toEqual([[SAFE]]);
    expect(log.lines).toEqual([expect.stringContaining('not taken')]);
  });

  it('P7 counts what runs, for its client, until it has ended', async () => {
    const gate = new Gate();
    const { executor, run, connection } = await executing(() => gate.opened);
    const running = executor.handleEvent(run);
    const during = [executor.inFlight.size, executor.inFlight.of(connection.client).length];
    gate.open();
    await running;

    expect([during, executor.inFlight.size]).toEqual([[1, 1], 0]);
  });

  it('K8 tells the instances of an event that it is over when the client has its acknowledgement', async () => {
    const { executor, run, answers, instances } = await executing(() => 'done');
    const seen: number[] = [];
    run.request.instances = instances;
    instances.push({ onEventEnd: () => void seen.push(answers.length) });
    await executor.handleEvent(run);

    expect(seen).toEqual([1]);
  });
});

/** A client whose session is in a store. */
async function withStore(handle: Handler['run'], options: Parameters<typeof executing>[1] = {}) {
  const executing_ = await executing(handle, options);
  const { connection, run } = executing_;
  const steps: string[] = [];
  const keeper = {
    isOwn: false,
    open: async () => {
      steps.push('opened');
      run.request.sessionKeeper = keeper;
    },
    skip: async () => void steps.push('skipped'),
    close: async () => void steps.push('saved'),
  };
  connection.client.keeper = keeper;
  return { ...executing_, keeper, steps };
}

describe('the session of an event, in a store,', () => {
  it('K6 is read before the handler and saved after it, before the client hears', async () => {
    const { executor, run, steps } = await withStore(() => void steps.push('handler'));
    run.request.acknowledge = () => void steps.push('acknowledged');
    await executor.handleEvent(run);

    expect(steps.slice(0, 4)).toEqual(['opened', 'handler', 'saved', 'acknowledged']);
  });

  it('K6 is saved after an error handler, too', async () => {
    const { executor, run, steps } = await withStore(throwing('no'), {
      onError: () => void steps.push('error handler'),
    });
    await executor.handleEvent(run);

    expect(steps.slice(0, 3)).toEqual(['opened', 'error handler', 'saved']);
  });

  it('is not read for a handler that needs none; the event keeps its turn', async () => {
    const { executor, run, steps } = await withStore(() => void steps.push('handler'), { session: false });
    await executor.handleEvent(run);

    expect(steps).toEqual(['skipped', 'handler']);
  });

  it('that cannot be read keeps the event from its handler, as an error', async () => {
    const { executor, run, keeper, steps, answers } = await withStore(() => void steps.push('handler'), {
      onError: (_, [error]) => error,
    });
    keeper.open = () => Promise.reject('away');
    await executor.handleEvent(run);

    expect([steps, answers]).toEqual([[], [['away']]]);
  });

  it('C7 that cannot be read keeps no client from its disconnect handler', async () => {
    const { executor, run, keeper, steps, log } = await withStore(() => void steps.push('handler'), {
      message: 'disconnect',
    });
    keeper.open = () => Promise.reject('away');
    await executor.runWithoutResult(run);

    expect([steps, log.lines.length]).toEqual([['handler'], 1]);
  });
});
