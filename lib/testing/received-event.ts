import type { Args } from '../common/args.js';
import type { EventData, EventName, ServerEvents } from '../common/typed-events.js';

type Unnamed = 'message' | 'json';

type Heard<Events> = keyof Events extends never ? string : (keyof Events & string) | Unnamed | 'exception';

/** The events that a test can wait for: those declared in `ServerEvents`, and those that need no declaration. */
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
