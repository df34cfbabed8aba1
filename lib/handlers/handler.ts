import type { Type } from '@nestjs/common';
import type { SocketRequest } from '../context/socket-request.js';
import type { Declaration, HandlerMetadata } from '../decorators/handler.metadata.js';
import type { Site } from './execution-context.js';
import type { InstanceWrapper } from './nest-internals.js';

/** A function that handles events, with all that it goes through, compiled once. */
export interface Handler {
  /** `Class.method`, or the function's name. */
  readonly place: string;
  /** The module that provides its class. */
  readonly module?: string;
  /** Of `@OnEvent()`. Default: option `asyncHandlers`. */
  readonly ordering?: HandlerMetadata['ordering'];
  /** `false`: it needs no session, and none is read for it. */
  readonly session?: boolean;
  /** Its first argument is the event's name: it serves `'*'`. */
  readonly catchAll?: boolean;
  /** It acknowledges by itself, through `@Ack()`. */
  readonly acknowledgesItself?: boolean;
  /** Asks the guards, if there are any: throws or rejects with what they refuse with. Before {@link run}. */
  guard?(request: SocketRequest): Passed | PromiseLike<Passed>;
  /** Interceptors, pipes, the function. Makes no promise unless one of them does. */
  run(request: SocketRequest, values: readonly unknown[]): unknown;
  /** The exception filters of method and class, nearest first. */
  readonly filters: readonly Filter[];
  /** The exception filters of the application. */
  readonly globalFilters: readonly Filter[];
}

/** What guards say; `false`: the event ends here, without a word. */
export type Passed = false | void;

/** An exception filter. */
export interface Filter {
  catches(error: unknown, request: SocketRequest): boolean;
  catch(error: unknown, request: SocketRequest): unknown;
}

/** A handler and what it serves, as it is registered. */
export interface HandlerDefinition extends HandlerMetadata {
  namespace: string;
  handler: Handler;
}

/** An instance that may differ from event to event. */
export type Source<T> = (request: SocketRequest) => T;

/** A decorated method of a provider. */
export interface HandlerMethod {
  wrapper: InstanceWrapper;
  prototype: object;
  declaration: Declaration;
  metadata: HandlerMetadata;
}

/** The class and the method of a handler, for its execution context. */
export function siteOf({ prototype, declaration }: Pick<HandlerMethod, 'prototype' | 'declaration'>): Site {
  const method = Reflect.get(prototype, declaration.method) as Site['method'];
  return { metatype: prototype.constructor as Type, method };
}

/** All that enhancers of a method may be bound to: the innermost function first. */
export function functionsOf({ functions }: Declaration, { method }: Site): object[] {
  return [...new Set([...functions, method])];
}

/** Whether a provider is a singleton, its dependencies included. */
export function isSingle(wrapper: InstanceWrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}
