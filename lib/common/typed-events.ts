import type { Args } from './args.js';

/**
 * The events that the server sends, in Socket.IO's own form. Empty until declared; then `emit`, `call` and `SocketIO`
 * check names and payloads at compile time.
 *
 * @see docs/getting-started.md#sending
 * @example
 * ```ts
 * import 'nestjs-flask-socket';
 *
 * declare module 'nestjs-flask-socket' {
 *   interface ServerEvents {
 *     'my response': (data: { data: string }) => void;
 *   }
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- applications fill it in
export interface ServerEvents {}

/** The events that clients send, in the same form; used by the test client. */
// oxlint-disable-next-line typescript/no-empty-object-type -- applications fill it in
export interface ClientEvents {}

/** The names of the declared events; any string while none is declared. */
export type EventName<Events> = keyof Events extends never ? string : keyof Events & string;

type Listener = (...values: never[]) => unknown;

type Payload<Values extends readonly unknown[]> = Values extends readonly [
  ...infer Head,
  (...answer: never[]) => unknown,
]
  ? Head
  : Values;

type Answer<Values extends readonly unknown[]> = Values extends readonly [
  ...unknown[],
  (...answer: infer A) => unknown,
]
  ? A
  : [];

/** What `emit` takes after the event's name: nothing, one value, or `args(…)` of several. */
export type EventData<Events, Event> = Event extends keyof Events
  ? Events[Event] extends Listener
    ? DataOf<Payload<Parameters<Events[Event]>>>
    : unknown
  : unknown;

type DataOf<Values extends readonly unknown[]> = Values extends readonly []
  ? undefined
  : Values extends readonly [infer Only]
    ? Only
    : Args<Values>;

/** What `call` resolves with: the value of the client's acknowledgement, or an array of several. */
export type EventAnswer<Events, Event> = Event extends keyof Events
  ? Events[Event] extends Listener
    ? AnswerOf<Answer<Parameters<Events[Event]>>>
    : unknown
  : unknown;

type AnswerOf<Values extends readonly unknown[]> = Values extends readonly []
  ? undefined
  : Values extends readonly [infer Only]
    ? Only
    : Values;

/** Data and options of an emit: data may be left out where the event carries none. */
export type EmitParameters<Events, Event, Options> =
  undefined extends EventData<Events, Event>
    ? [data?: EventData<Events, Event>, options?: Options]
    : [data: EventData<Events, Event>, options?: Options];
