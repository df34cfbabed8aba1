/** An event that a test client has received. */
export interface ReceivedEvent {
  /** The event's name. */
  name: string;
  /** Its arguments, as an array; for `message` and `json` the bare value. */
  args: unknown;
  namespace: string;
}

interface Waiter {
  name: string;
  namespace: string;
  found(event: ReceivedEvent): void;
}

/** The events that a client has received and a test has not yet asked for. */
export class Inbox {
  #events: ReceivedEvent[] = [];
  readonly #waiters = new Set<Waiter>();

  /** Gives an event to the first test that waits for it, or keeps it. */
  add(namespace: string, [name, ...values]: readonly [string, ...unknown[]]): void {
    const isUnnamed = name === 'message' || name === 'json';
    const event = { name, args: isUnnamed ? values[0] : values, namespace };
    const waiter = [...this.#waiters].find((each) => each.name === name && each.namespace === namespace);
    if (!waiter) return void this.#events.push(event);
    this.#waiters.delete(waiter);
    waiter.found(event);
  }

  /** Takes everything of a namespace out. */
  take(namespace: string): ReceivedEvent[] {
    const taken = this.#events.filter((event) => event.namespace === namespace);
    this.#events = this.#events.filter((event) => event.namespace !== namespace);
    return taken;
  }

  /** Takes the first event of a name out, now or when it comes. */
  next(name: string, namespace: string, found: (event: ReceivedEvent) => void): () => void {
    const index = this.#events.findIndex((event) => event.name === name && event.namespace === namespace);
    const [event] = index === -1 ? [] : this.#events.splice(index, 1);
    if (event) {
      found(event);
      return () => {};
    }
    const waiter = { name, namespace, found };
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  /** Whether there is anything of a namespace. */
  holds(namespace: string): boolean {
    return this.#events.some((event) => event.namespace === namespace);
  }

  /** What is there, for a failure's message. */
  describe(namespace: string): string {
    const names = this.#events
      .filter((event) => event.namespace === namespace)
      .map(({ name }) => `'${name}'`);
    return names.length === 0 ? 'nothing was received' : `received: ${names.join(', ')}`;
  }
}
