import { ForbiddenException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { ConnectionRefusedError } from '../../../lib/common/errors.js';
import { Decision, lateRefusal, refusalFor, sendableRefusal } from '../../../lib/connection/decision.js';
import type { Identification } from '../../../lib/connection/identification.js';
import type { Recovery } from '../../../lib/connection/recovery/recovery.js';
import { WsException } from '@nestjs/websockets';
import type { Handler } from '../../../lib/handlers/handler.js';
import {
  connectionTo,
  executorOf,
  handlerOf,
  keptLog,
  registryOf,
  runtimeOf,
  portlessServer,
} from '../../support/units.js';

/** The decision about a client, asked of one connect handler. */
async function deciding(
  connect: Handler['run'] | undefined,
  { onError, ...more }: Partial<Handler> & { onError?: Handler['run'] } = {},
) {
  const steps: string[] = [];
  const log = keptLog();
  const registry = registryOf(
    ...(connect ? [{ kind: 'connect' as const, handler: handlerOf(connect, more) }] : []),
    ...(onError ? [{ kind: 'error' as const, handler: handlerOf(onError) }] : []),
  );
  const identification = {
    identify: async () => void steps.push('identify'),
    ensureIdentified: () => void steps.push('settle'),
  };
  const decision = new Decision(registry, executorOf(registry, log), {
    identification: identification as unknown as Identification, // the two that a decision asks for
    recovery: { isProven: () => true } as unknown as Recovery, // likewise
  });
  const { connection, socket } = await connectionTo();
  connection.state = 'connecting';
  return {
    decision,
    connection,
    steps,
    log,
    identification,
    socket,
    decide: async () => decision.decide(connection),
  };
}

const throwing = (error: unknown) => (): never => {
  throw error;
};

describe('the decision about a client', () => {
  it.each([
    [false, 'Connection rejected by server'],
    [true, undefined],
    [undefined, undefined],
    [null, undefined],
    [0, undefined],
    ['no', undefined],
  ])('C2 of a handler that returns %s is %s', async (result, message) => {
    const { decide } = await deciding(async () => result);

    expect((await decide())?.message).toBe(message);
  });

  it('C5 is yes where there is no handler, once option identify has been asked', async () => {
    const { decide, steps } = await deciding(undefined);

    expect([await decide(), steps]).toEqual([undefined, ['settle']]);
  });

  it('C3 with a ConnectionRefusedError passes the error handlers by', async () => {
    const refusal = new ConnectionRefusedError('not you', { code: 7 });
    const { decide } = await deciding(throwing(refusal), { onError: () => true });

    expect(await decide()).toBe(refusal);
  });

  it.each([
    ['refuses safely without a handler for it', undefined, 'Internal server error'],
    ['refuses whatever a handler makes of it', () => 'handled', 'Internal server error'],
    ['but for true', () => true, undefined],
  ])('C3 with any other error %s', async (_, onError, message) => {
    const { decide } = await deciding(throwing(new Error('the password is x')), { onError });

    expect((await decide())?.message).toBe(message);
  });

  it('C3 of a guard is final', async () => {
    const { decide } = await deciding(() => {}, {
      guard: (request) => {
        request.denied = true;
        throw new ForbiddenException('no');
      },
      onError: () => true,
    });

    expect((await decide())?.message).toBe('no');
  });

  it('A3 asks option identify between the guards and the body', async () => {
    const { decide, steps } = await deciding(() => void steps.push('body'), {
      guard: async () => void steps.push('guards'),
    });
    await decide();

    expect(steps).toEqual(['guards', 'identify', 'body', 'settle']);
  });

  it('A3 is no where option identify refuses', async () => {
    const refusal = new ConnectionRefusedError('nobody');
    const { decide, identification } = await deciding(undefined);
    identification.ensureIdentified = throwing(refusal);

    expect(await decide()).toBe(refusal);
  });

  it('A3 is no when the time of the client has come, before and after', async () => {
    const early = await deciding(() => void early.steps.push('body'), {
      guard: ({ connection }) => void (connection.client.expiresAt = 1),
    });

    expect((await early.decide())?.message).toBe('Connection expired');
    expect(early.steps).toEqual([]);
    expect(lateRefusal(early.connection)?.message).toBe('Connection expired');
  });

  it('C9 is no when the client has been disconnected meanwhile', async () => {
    const { decide } = await deciding(({ connection }) => void (connection.state = 'refused'));

    expect(await decide()).toBeInstanceOf(ConnectionRefusedError);
  });
});

describe('what a refused client is told', () => {
  const runtime = runtimeOf(portlessServer());

  it('C3 is message and data of the refusal', () => {
    expect(sendableRefusal(new ConnectionRefusedError('no', { a: 1 }), runtime)).toMatchObject({
      message: 'no',
      data: { a: 1 },
    });
  });

  it('C3 is the message alone where the data cannot be sent', () => {
    expect(sendableRefusal(new ConnectionRefusedError('no', { a: 1n }), runtime)).toMatchObject({
      message: 'no',
      data: undefined,
    });
  });

  it('C3 is something even where the error cannot be read', () => {
    const broken = Object.defineProperty(new Error('x'), 'message', { get: throwing('no') });

    expect(sendableRefusal(broken, runtime).message).toBe('Connection rejected by server');
  });

  it.each<[error: unknown, message: string, data: unknown]>([
    [new Error('secret'), 'Internal server error', undefined],
    [new WsException('text'), 'text', undefined],
    [new WsException({ message: 'text', code: 7 }), 'text', { status: 'error', message: 'text', code: 7 }],
    [new WsException(['a', 'b']), 'a, b', undefined],
    [new WsException({ code: 7 }), 'Connection rejected by server', { status: 'error', code: 7 }],
  ])('C3 of %s is %s', (error, message, data) => {
    expect(refusalFor(error)).toMatchObject({ message, data });
  });
});
