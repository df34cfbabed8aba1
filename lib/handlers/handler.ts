import type { Type } from '@nestjs/common';
import type { SocketRequest } from '../context/socket-request.js';
import type { Declaration, HandlerMetadata } from '../decorators/handler.metadata.js';
import { ExecutionContextHost, type InstanceWrapper } from './nest-internals.js';

/** A function that handles events, with its guards, interceptors, pipes and filters. It is compiled once. */
export interface Handler {
  /** Names the handler in errors and logs: `Class.method`, or the function's name. */
  readonly place: string;
  /** The name of the module that provides its class. */
  readonly module?: string;
  /** Option `ordering` of `@OnEvent()`. Default: option `asyncHandlers`. */
  readonly ordering?: HandlerMetadata['ordering'];
  /** `false`: no session is read for it. */
  readonly session?: boolean;
  /** Whether it handles `'*'`. Its first argument is the event's name. */
  readonly catchAll?: boolean;
  /** Whether the method itself acknowledges, through `@Ack()`. */
  readonly acknowledgesItself?: boolean;
  /** Calls the guards, before {@link run}. Throws or rejects if one refuses. Absent where there is none. */
  guard?(request: SocketRequest): GuardResult | PromiseLike<GuardResult>;
  /** Calls interceptors, pipes and the function. Returns a promise only if one of them does. */
  run(request: SocketRequest, values: readonly unknown[]): unknown;
  /** The exception filters of the method, then those of its class. */
  readonly filters: readonly Filter[];
  /** The exception filters of the application. */
  readonly globalFilters: readonly Filter[];
}

/** `false`: the event ends without an error and without an acknowledgement. */
export type GuardResult = false | void;

/** An exception filter. */
export interface Filter {
  catches(error: unknown, request: SocketRequest): boolean;
  catch(error: unknown, request: SocketRequest): unknown;
}

/** A handler with its event and namespace, as it is registered. */
export interface HandlerDefinition extends HandlerMetadata {
  namespace: string;
  handler: Handler;
}

/** Gives the instance for an event: a singleton, or one of the event's own. */
export type InstanceResolver<T> = (request: SocketRequest) => T;

/** A decorated method of a provider. */
export interface HandlerMethod {
  wrapper: InstanceWrapper;
  prototype: object;
  declaration: Declaration;
  metadata: HandlerMetadata;
}

/** The class and the method for a handler's execution context. */
export function executionTargetOf({
  prototype,
  declaration,
}: Pick<HandlerMethod, 'prototype' | 'declaration'>): ExecutionTarget {
  const method = Reflect.get(prototype, declaration.method) as ExecutionTarget['method'];
  return { metatype: prototype.constructor as Type, method };
}

/** The functions on which decorators may have left metadata, the innermost first. */
export function decoratedFunctionsOf({ functions }: Declaration, { method }: ExecutionTarget): object[] {
  return [...new Set([...functions, method])];
}

/** Whether a provider and all its dependencies are singletons. */
export function isSingleton(wrapper: InstanceWrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}

/** The class and the method of an `ExecutionContext`: its `getClass()` and `getHandler()`. */
export interface ExecutionTarget {
  metatype: Type;
  method: (...values: unknown[]) => unknown;
}

/** The positions of the client, the data and the acknowledgement among the arguments of an execution context. */
const [CLIENT, DATA, ACKNOWLEDGE] = [0, 1, 2];

/** The execution context of an event, created on first use. Its arguments are client, data, acknowledgement, pattern. */
export function executionContext(
  request: SocketRequest,
  { metatype, method }: ExecutionTarget,
): ExecutionContextHost {
  const known = request.execution as ExecutionContextHost | undefined;
  if (known?.getHandler() === method) return known;
  const { connection, event, acknowledge } = request;
  const values = known?.getArgs() ?? [connection.socket, dataOf(event.args), acknowledge, event.message];
  const context = new ExecutionContextHost(values, metatype, method);
  context.setType('ws');
  request.execution = context;
  return context;
}

/** Nest's data of a message: its only argument, or an array of several. */
export function dataOf(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}

// These functions do not destructure in their parameters: the published types would show it, and lack internal members.

/** The data of an event, which a guard or an interceptor may have replaced (`context.getArgs()[1] = …`). */
export function currentData(request: SocketRequest): unknown {
  const { execution, event } = request;
  return execution ? execution.getArgByIndex(DATA) : dataOf(event.args);
}

/** The same data as a list of arguments. */
export function currentArgs(request: SocketRequest): readonly unknown[] {
  const { args } = request.event;
  const data = currentData(request);
  if (Object.is(data, dataOf(args))) return args;
  return args.length > 1 && Array.isArray(data) ? data : [data];
}

/** The client of an event, which may have been replaced in the same way. */
export function currentClient(request: SocketRequest): unknown {
  const { execution, connection } = request;
  return execution ? execution.getArgByIndex(CLIENT) : connection.socket;
}

/** The acknowledgement function of an event, which may have been replaced in the same way. */
export function currentAcknowledge(request: SocketRequest): unknown {
  const { execution, acknowledge } = request;
  return execution ? execution.getArgByIndex(ACKNOWLEDGE) : acknowledge;
}
