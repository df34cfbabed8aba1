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
