import { Inject, Injectable } from '@nestjs/common';
import { ANY, DEFAULT_NAMESPACE } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { checkHandledEvent } from '../common/args.js';
import { checkNamespace, isPattern } from '../common/namespace.js';
import type { AnyFunction } from '../context/connection.js';
import { checkOrdering, namesAndOptions, type HandlerMetadata } from '../decorators/handler.metadata.js';
import type { NamespaceAndOptions, OnEventOptions } from '../decorators/on-event.decorator.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';

/** Adds functions as handlers at run time. */
@Injectable()
export class RuntimeHandlers {
  constructor(@Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime) {}

  /** Adds an event handler. Returns a function that removes it. */
  addEvent(event: string, fn: AnyFunction, where: NamespaceAndOptions): () => void {
    const { names, options } = namesAndOptions<OnEventOptions>(where);
    return this.add({ kind: 'event', event, namespace: names[0], ...options }, fn);
  }

  /** Adds a handler of any kind. Returns a function that removes it. */
  add(metadata: HandlerMetadata, fn: AnyFunction): () => void {
    const caller = `SocketIO.on${metadata.kind[0]?.toUpperCase()}${metadata.kind.slice(1)}()`;
    if (typeof fn !== 'function') throw failure('FSK_HANDLER_NOT_FUNCTION', `The handler given to ${caller}`);
    const { event } = metadata;
    const ordering = checkOrdering(metadata.ordering, caller);
    if (metadata.kind === 'event' && event !== ANY) checkHandledEvent(event, caller);
    const namespace = checkNamespace(metadata.namespace ?? DEFAULT_NAMESPACE, caller);
    const options = {
      place: fn.name || caller,
      catchAll: event === ANY,
      ordering,
      session: metadata.session,
    };
    const handler = this.runtime.compiler.compileFunction(fn, options);
    const remove = this.runtime.registry.add({ ...metadata, namespace, handler });
    if (namespace !== ANY && !isPattern(namespace)) this.runtime.openNamespaces([namespace]);
    return remove;
  }
}
