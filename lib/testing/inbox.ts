import type { Args } from '../common/args.js';
import type { EventData, EventName, ServerEvents } from '../common/typed-events.js';

/** An event that was received. */
export interface InboxEvent {
  name: string;
  args: unknown;
  namespace: string;
}

/** Waits for an event. Without a name it waits for any event, and does not take it out of the inbox. */
interface Waiter {
  namespace: string;
  name?: string;
  found: (event: InboxEvent) => void;
}

/** The events that a client has received and that the test has not taken out yet. */
export class Inbox {
  #events: InboxEvent[] = [];
  readonly #waiters = new Set<Waiter>();

  /** Passes an event to the first `waitFor()` for its name, or keeps it. */
  add(namespace: string, [name, ...values]: readonly [string, ...unknown[]]): void {
    const hasOneValue = name === 'message' || name === 'json';
    const event = { name, args: hasOneValue ? values[0] : values, namespace };
    const waiting = [...this.#waiters].filter((each) => each.namespace === namespace);
    const receiver = waiting.find((each) => each.name === name);
    if (receiver) return this.#deliver(receiver, event);
    this.#events.push(event);
    for (const each of waiting) if (each.name === undefined) this.#deliver(each, event);
  }

  /** Takes all events of a namespace out. */
  take(namespace: string): InboxEvent[] {
    const taken = this.#events.filter((event) => event.namespace === namespace);
    this.#events = this.#events.filter((event) => event.namespace !== namespace);
    return taken;
  }

  /** Takes the first event of a name out, now or when it is received. Returns a function that stops waiting. */
  waitFor(namespace: string, name: string, found: Waiter['found']): () => void {
    const index = this.#events.findIndex((event) => event.name === name && event.namespace === namespace);
    const [event] = index === -1 ? [] : this.#events.splice(index, 1);
    return this.#wait({ namespace, name, found }, event);
  }

  /** Finds the first event of any name, and leaves it in. Returns a function that stops waiting. */
  waitForAny(namespace: string, found: Waiter['found']): () => void {
    const event = this.#events.find((each) => each.namespace === namespace);
    return this.#wait({ namespace, found }, event);
  }

  /** Lists the events of a namespace, for the message of an error. */
  describe(namespace: string): string {
    const names = this.#events
      .filter((event) => event.namespace === namespace)
      .map(({ name }) => `'${name}'`);
    return names.length === 0 ? 'nothing was received' : `received: ${names.join(', ')}`;
  }

  #wait(waiter: Waiter, event: InboxEvent | undefined): () => void {
    if (event) waiter.found(event);
    else this.#waiters.add(waiter);
    return () => void this.#waiters.delete(waiter);
  }

  #deliver(waiter: Waiter, event: InboxEvent): void {
    this.#waiters.delete(waiter);
    waiter.found(event);
  }
}

type Unnamed = 'message' | 'json';

type Heard<Events> = keyof Events extends never ? string : (keyof Events & string) | Unnamed | 'exception';

/** The events that a test can wait for: all of `ServerEvents`, and those that need no declaration. */
export type HeardEvent = Heard<ServerEvents>;

type Values<Data> = Data extends Args<infer V> ? V : [undefined] extends [Data] ? [] : [data: Data];

type ReceivedArgs<E extends string> = string extends E
  ? unknown
  : E extends keyof ServerEvents
    ? E extends Unnamed
      ? EventData<ServerEvents, E>
      : Values<EventData<ServerEvents, E>>
    : E extends Unnamed
      ? unknown
      : unknown[];

/**
 * An event that a test client has received: `name`, `args` (an array; for `message` and `json` the bare value) and
 * `namespace`. Events declared in `ServerEvents` have the declared types.
 *
 * @example
 * ```ts
 * import type { ReceivedEvent } from 'nestjs-flask-socket/testing';
 *
 * const names = (events: ReceivedEvent[]) => events.map(({ name }) => name);
 * ```
 */
export type ReceivedEvent<E extends string = EventName<ServerEvents>> = E extends string
  ? { name: E; args: ReceivedArgs<E>; namespace: string }
  : never;
