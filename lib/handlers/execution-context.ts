import type { Type } from '@nestjs/common';
import type { SocketRequest } from '../context/socket-request.js';
import { ExecutionContextHost } from './nest-internals.js';

/** The class and the method of an `ExecutionContext`. */
export interface Site {
  metatype: Type;
  method: (...values: unknown[]) => unknown;
}

/** Where Nest's view of an event has its client, its data and its acknowledgement. */
const [CLIENT, DATA, ACKNOWLEDGE] = [0, 1, 2];

/** Nest's view of an event, created on first use: client, data, acknowledgement, pattern. */
export function executionContext(request: SocketRequest, { metatype, method }: Site): ExecutionContextHost {
  const known = request.execution as ExecutionContextHost | undefined;
  if (known?.getHandler() === method) return known;
  const { connection, event, acknowledge } = request;
  const values = known?.getArgs() ?? [connection.socket, dataOf(event.args), acknowledge, event.message];
  const context = new ExecutionContextHost(values, metatype, method);
  context.setType('ws');
  request.execution = context;
  return context;
}

/** What Nest calls the data of a message: its only argument, or an array of several. */
export function dataOf(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}

// A pattern in a parameter would stand in the published types, which have no internal members.

/** The data of an event, or what a guard or an interceptor has put in their place (`context.getArgs()[1] = …`). */
export function currentData(request: SocketRequest): unknown {
  const { execution, event } = request;
  return execution ? execution.getArgByIndex(DATA) : dataOf(event.args);
}

/** The same as the arguments of the event. */
export function currentArgs(request: SocketRequest): readonly unknown[] {
  const { args } = request.event;
  const data = currentData(request);
  if (Object.is(data, dataOf(args))) return args;
  return args.length > 1 && Array.isArray(data) ? data : [data];
}

/** The client of an event; likewise. */
export function currentClient(request: SocketRequest): unknown {
  const { execution, connection } = request;
  return execution ? execution.getArgByIndex(CLIENT) : connection.socket;
}

/** What acknowledges an event; likewise. */
export function currentAcknowledge(request: SocketRequest): unknown {
  const { execution, acknowledge } = request;
  return execution ? execution.getArgByIndex(ACKNOWLEDGE) : acknowledge;
}
