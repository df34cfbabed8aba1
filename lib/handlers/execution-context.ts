import type { Type } from '@nestjs/common';
import type { SocketRequest } from '../context/socket-request.js';
import { ExecutionContextHost } from './nest-internals.js';

/** The class and the method that guards, interceptors and parameter factories are told. */
export interface Site {
  metatype: Type;
  method: (...values: unknown[]) => unknown;
}

/** Nest's view of an event, made when first asked for: client, data, acknowledgement, pattern. */
export function executionContext(request: SocketRequest, { metatype, method }: Site): ExecutionContextHost {
  if (request.execution?.getHandler() === method) return request.execution as ExecutionContextHost;
  const { connection, event, acknowledge } = request;
  const context = new ExecutionContextHost(
    [connection.socket, dataOf(event.args), acknowledge, event.message],
    metatype,
    method,
  );
  context.setType('ws');
  request.execution = context;
  return context;
}

/** What Nest calls the data of a message: its only argument, or an array of several. */
export function dataOf(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}

/**
 * Calls with the data that guards and interceptors have left: they may put others in their place, as in Nest
 * (`context.getArgs()[1] = …`).
 */
export function withCurrentData<Result>(
  call: (request: SocketRequest, values: readonly unknown[]) => Result,
  isNamed: boolean,
): typeof call {
  return (request, values) => {
    const context = request.execution as ExecutionContextHost | undefined;
    const { message, args } = request.event;
    const data: unknown = context ? context.getArgs()[1] : dataOf(args);
    if (Object.is(data, dataOf(args))) return call(request, values);
    const current = args.length > 1 && Array.isArray(data) ? (data as unknown[]) : [data];
    Reflect.set(request, 'event', { message, args: current });
    return call(request, isNamed ? [message, ...current] : current);
  };
}
