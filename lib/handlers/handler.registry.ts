import { ANY } from '../common/constants.js';
import { failure, type FlaskSocketError } from '../common/errors.js';
import { isPattern, NamespacePattern, type NamespaceParams } from '../common/namespace.js';
import { printable } from '../common/printable.js';
import type { Handler, HandlerDefinition } from './handler.js';
import { isGatewayHook, type GatewayHook } from './nest-gateways.js';

/** The handlers of one namespace, pattern, or `*`. */
class NamespaceHandlers {
  readonly events = new Map<string, Handler>();
  readonly hooks = new Map<Exclude<HandlerDefinition['kind'], 'event'>, Handler>();
  /** The hooks of all gateways of this namespace. Each of them is called. */
  readonly gatewayHooks: Record<GatewayHook, Handler[]> = { handleConnection: [], handleDisconnect: [] };
  readonly pattern: NamespacePattern | undefined;

  constructor(readonly namespace: string) {
    if (isPattern(namespace)) this.pattern = new NamespacePattern(namespace);
  }

  get isEmpty(): boolean {
    const { handleConnection, handleDisconnect } = this.gatewayHooks;
    return this.events.size + this.hooks.size + handleConnection.length + handleDisconnect.length === 0;
  }

  tableOf({ kind, event }: HandlerDefinition): { table: Map<string, Handler>; key: string } {
    if (kind === 'event') return { table: this.events, key: event ?? '' };
    return { table: this.hooks, key: kind };
  }
}

/** The table of all handlers: decorated methods, and functions that were added at run time. */
export class HandlerRegistry {
  readonly #exact = new Map<string, NamespaceHandlers>();
  readonly #patterns = new Map<string, NamespaceHandlers>();
  readonly #any = new NamespaceHandlers(ANY);
  /** By the name of a namespace: its own entry, those of patterns that match it, then that of `*`. */
  readonly #lookups = new Map<string, readonly NamespaceHandlers[]>();
  #errorDefault: Handler | undefined;

  /** Adds a handler. Throws if there is one for the same event. Returns a function that removes it. */
  add(definition: HandlerDefinition): () => void {
    if (definition.kind === 'errorDefault') return this.#addErrorDefault(definition.handler);
    const entry = this.#entryFor(definition.namespace);
    if (isGatewayHook(definition.kind))
      return addToList(entry.gatewayHooks[definition.kind], definition.handler);
    const { table, key } = entry.tableOf(definition);
    const first = table.get(key);
    if (first) throw duplicate(subjectOf(definition), first, definition.handler);
    table.set(key, definition.handler);
    return () => {
      if (table.get(key) === definition.handler) table.delete(key);
    };
  }

  /** The namespaces with handlers of their own, without patterns. */
  namespaces(): string[] {
    return [...this.#exact.values()].filter((entry) => !entry.isEmpty).map(({ namespace }) => namespace);
  }

  /** Whether a namespace, or a pattern that matches it, has handlers. */
  hasHandlers(namespace: string): boolean {
    return this.registeredNameOf(namespace) !== undefined;
  }

  /** The name or the pattern under which a namespace's handlers are registered. `undefined` if there are none. */
  registeredNameOf(namespace: string): string | undefined {
    const entries = [this.#exact.get(namespace), ...this.#entriesOfPatterns(namespace)];
    return entries.find((entry) => entry && !entry.isEmpty)?.namespace;
  }

  /** The parameters of a namespace: the parts of its name that match those of a pattern. */
  paramsOf(namespace: string): NamespaceParams {
    return Object.assign(
      {},
      ...this.#entriesOfPatterns(namespace).map(({ pattern }) => pattern?.match(namespace)),
    );
  }

  /** The handler of an event. Its exact name comes before `*`, and the namespace's own handlers before those of `*` (V11). */
  eventHandler(namespace: string, event: string): Handler | undefined {
    for (const { events } of this.#entriesOf(namespace)) {
      const handler = events.get(event) ?? events.get(ANY);
      if (handler) return handler;
    }
    return undefined;
  }

  /** The same without catch-all handlers, for an event that has another listener. */
  namedHandler(namespace: string, event: string): Handler | undefined {
    for (const { events } of this.#entriesOf(namespace)) {
      const handler = events.get(event);
      if (handler) return handler;
    }
    return undefined;
  }

  /** The names of the events that have handlers in a namespace. */
  eventNames(namespace: string): string[] {
    return this.#entriesOf(namespace).flatMap(({ events }) => [...events.keys()]);
  }

  /** The connect, disconnect or error handler of a namespace. */
  lifecycleHandler(namespace: string, kind: 'connect' | 'disconnect' | 'error'): Handler | undefined {
    for (const { hooks } of this.#entriesOf(namespace)) {
      const handler = hooks.get(kind);
      if (handler) return handler;
    }
    return undefined;
  }

  /** The `handleConnection()` or `handleDisconnect()` methods of the gateways of a namespace. */
  gatewayHooks(namespace: string, hook: GatewayHook): Handler[] {
    return this.#entriesOf(namespace).flatMap(({ gatewayHooks }) => gatewayHooks[hook]);
  }

  /** The error handler of a namespace. */
  errorHandler(namespace: string): Handler | undefined {
    return this.lifecycleHandler(namespace, 'error') ?? this.#errorDefault;
  }

  /** Removes the cached lookup of a namespace that no longer exists. */
  forget(namespace: string): void {
    this.#lookups.delete(namespace);
  }

  #addErrorDefault(handler: Handler): () => void {
    const first = this.#errorDefault;
    if (first) throw duplicate('@OnErrorDefault()', first, handler);
    this.#errorDefault = handler;
    return () => {
      if (this.#errorDefault === handler) this.#errorDefault = undefined;
    };
  }

  #entryFor(namespace: string): NamespaceHandlers {
    if (namespace === ANY) return this.#any;
    const table = isPattern(namespace) ? this.#patterns : this.#exact;
    const known = table.get(namespace);
    if (known) return known;
    const entry = new NamespaceHandlers(namespace);
    table.set(namespace, entry);
    this.#lookups.clear();
    return entry;
  }

  #entriesOfPatterns(namespace: string): NamespaceHandlers[] {
    return [...this.#patterns.values()].filter(({ pattern }) => pattern?.match(namespace));
  }

  #entriesOf(namespace: string): readonly NamespaceHandlers[] {
    const known = this.#lookups.get(namespace);
    if (known) return known;
    const own = this.#exact.get(namespace);
    const entries = [...(own ? [own] : []), ...this.#entriesOfPatterns(namespace), this.#any];
    this.#lookups.set(namespace, entries);
    return entries;
  }
}

function addToList(handlers: Handler[], handler: Handler): () => void {
  handlers.push(handler);
  return () => {
    const index = handlers.indexOf(handler);
    if (index >= 0) handlers.splice(index, 1);
  };
}

/** Names both handlers. If two modules provide one class, the error names the modules, too. */
function duplicate(what: string, first: Handler, second: Handler): FlaskSocketError {
  const place = (handler: Handler) =>
    first.place === second.place && handler.module ? `${handler.place} in ${handler.module}` : handler.place;
  return failure('FSK_DUPLICATE_HANDLER', what, place(first), place(second));
}

function subjectOf({ kind, event, namespace }: HandlerDefinition): string {
  const what =
    kind === 'event' ? `event ${printable(event)}` : `@On${kind[0]?.toUpperCase()}${kind.slice(1)}()`;
  return `${what} in namespace ${printable(namespace)}`;
}
