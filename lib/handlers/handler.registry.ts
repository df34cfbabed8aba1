import { ANY } from '../common/constants.js';
import { failure, type FlaskSocketError } from '../common/errors.js';
import { isPattern, NamespacePattern, type NamespaceParams } from '../common/namespace.js';
import { printable } from '../common/printable.js';
import type { Handler, HandlerDefinition } from './handler.js';
import { isGatewayHook, type GatewayHook } from './nest-gateways.js';

/** The handlers of one namespace, pattern, or `*`. */
class Entry {
  readonly events = new Map<string, Handler>();
  readonly hooks = new Map<Exclude<HandlerDefinition['kind'], 'event'>, Handler>();
  /** Those of all gateways of this namespace: each of them is called. */
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

/** Who handles what; the same for decorated methods and for functions added at run time. */
export class HandlerRegistry {
  readonly #exact = new Map<string, Entry>();
  readonly #patterns = new Map<string, Entry>();
  readonly #any = new Entry(ANY);
  /** Per concrete namespace: its own entry, those of fitting patterns, then `*`. */
  readonly #serving = new Map<string, readonly Entry[]>();
  #errorDefault: Handler | undefined;

  /** Adds a handler; a second one for the same thing is an error. What it returns removes it. */
  add(definition: HandlerDefinition): () => void {
    if (definition.kind === 'errorDefault') return this.#addErrorDefault(definition.handler);
    const entry = this.#entryFor(definition.namespace);
    if (isGatewayHook(definition.kind)) return added(entry.gatewayHooks[definition.kind], definition.handler);
    const { table, key } = entry.tableOf(definition);
    const first = table.get(key);
    if (first) throw duplicate(subjectOf(definition), first, definition.handler);
    table.set(key, definition.handler);
    return () => {
      if (table.get(key) === definition.handler) table.delete(key);
    };
  }

  /** The namespaces that have handlers of their own and no parameters. */
  namespaces(): string[] {
    return [...this.#exact.values()].filter((entry) => !entry.isEmpty).map(({ namespace }) => namespace);
  }

  /** Whether a namespace has handlers of its own, or fits a pattern that has. */
  serves(namespace: string): boolean {
    return this.registeredNameOf(namespace) !== undefined;
  }

  /** How the code names a namespace: by its name, or by a pattern that it fits. Nothing if no handler is for it. */
  registeredNameOf(namespace: string): string | undefined {
    const entries = [this.#exact.get(namespace), ...this.#matching(namespace)];
    return entries.find((entry) => entry && !entry.isEmpty)?.namespace;
  }

  /** The parameters of a concrete namespace. */
  paramsOf(namespace: string): NamespaceParams {
    return Object.assign({}, ...this.#matching(namespace).map(({ pattern }) => pattern?.match(namespace)));
  }

  /** The handler of an event: exact name before `*`, the namespace's own before `*`'s (promise V11). */
  eventHandler(namespace: string, event: string): Handler | undefined {
    for (const { events } of this.#entriesOf(namespace)) {
      const handler = events.get(event) ?? events.get(ANY);
      if (handler) return handler;
    }
    return undefined;
  }

  /** The same without the handlers of `*`, for an event that has a listener elsewhere. */
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
  hook(namespace: string, kind: 'connect' | 'disconnect' | 'error'): Handler | undefined {
    for (const { hooks } of this.#entriesOf(namespace)) {
      const handler = hooks.get(kind);
      if (handler) return handler;
    }
    return undefined;
  }

  /** `handleConnection()` and `handleDisconnect()` of the gateways of a namespace, called as Nest calls its own. */
  gatewayHooks(namespace: string, hook: GatewayHook): Handler[] {
    return this.#entriesOf(namespace).flatMap(({ gatewayHooks }) => gatewayHooks[hook]);
  }

  /** Who handles an error in a namespace. */
  errorHandler(namespace: string): Handler | undefined {
    return this.hook(namespace, 'error') ?? this.#errorDefault;
  }

  /** Forgets what was looked up for a namespace that no longer exists. */
  forget(namespace: string): void {
    this.#serving.delete(namespace);
  }

  #addErrorDefault(handler: Handler): () => void {
    const first = this.#errorDefault;
    if (first) throw duplicate('@OnErrorDefault()', first, handler);
    this.#errorDefault = handler;
    return () => {
      if (this.#errorDefault === handler) this.#errorDefault = undefined;
    };
  }

  #entryFor(namespace: string): Entry {
    if (namespace === ANY) return this.#any;
    const table = isPattern(namespace) ? this.#patterns : this.#exact;
    const known = table.get(namespace);
    if (known) return known;
    const entry = new Entry(namespace);
    table.set(namespace, entry);
    this.#serving.clear();
    return entry;
  }

  #matching(namespace: string): Entry[] {
    return [...this.#patterns.values()].filter(({ pattern }) => pattern?.match(namespace));
  }

  #entriesOf(namespace: string): readonly Entry[] {
    const known = this.#serving.get(namespace);
    if (known) return known;
    const own = this.#exact.get(namespace);
    const entries = [...(own ? [own] : []), ...this.#matching(namespace), this.#any];
    this.#serving.set(namespace, entries);
    return entries;
  }
}

function added(handlers: Handler[], handler: Handler): () => void {
  handlers.push(handler);
  return () => {
    const index = handlers.indexOf(handler);
    if (index >= 0) handlers.splice(index, 1);
  };
}

/** Names both places; one class that two modules provide, by the modules. */
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
