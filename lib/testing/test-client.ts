import { fromArguments, toArguments } from '../common/args.js';
import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import type { ClientEvents, EmitParameters, EventAnswer, EventName } from '../common/typed-events.js';
import type { AnyFunction } from '../context/connection.js';
import { quiet, realDelay, within } from './quiet.js';
import { Inbox, type ReceivedEvent } from './received.js';
import { Seat, type Refusal } from './seat.js';
import { PACKET, type Packet, type Wire } from './wire.js';

/** How long `waitFor()`, `call()` and acknowledgements are waited for, in milliseconds. */
const PATIENCE = 2_000;

/** Options of what a test client sends. */
export interface TestEmitOptions {
  /** Default: the namespace that the client was created for. */
  namespace?: string;
  /** Wait for the acknowledgement and resolve with it. Default: false. */
  callback?: boolean;
  /** Milliseconds to wait for the acknowledgement. Default: 2,000. */
  timeout?: number;
}

/** Where and how long a test client waits. */
export interface WaitOptions {
  /** Default: the namespace that the client was created for. */
  namespace?: string;
  /** Milliseconds. Default: 2,000. */
  timeout?: number;
}

/** The options of `emit`, whose result depends on `callback`. */
type Answered = TestEmitOptions & { callback: true };

/**
 * A client inside the test's process; made by `createTestClient()`. Whatever it sends and receives goes through the
 * real server: HTTP upgrade, middlewares, encoder and decoder. Source: promise Q3; Flask-SocketIO's test client.
 */
export class TestClient {
  readonly #inbox = new Inbox();
  readonly #seats = new Map<string, Seat>();
  readonly #acknowledgements = new Map<number, (...values: unknown[]) => void>();
  readonly #namespace: string;
  #wire: Wire | undefined;
  #nextId = 0;

  /** @internal */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** @internal The connection below, or why there is none. */
  attach(wire: Wire): void {
    this.#wire = wire;
  }

  /** @internal The server refused the handshake. */
  refuse(message: string): void {
    this.#seatIn(this.#namespace).refuse({ message });
  }

  /** Connects to a namespace, too. Resolves with whether the server accepts; `refusal()` says why not. */
  async connect(namespace: string = this.#namespace, options: { auth?: object } = {}): Promise<boolean> {
    const seat = this.#seatIn(namespace);
    if (seat.sid !== undefined || !this.#wire) return seat.sid !== undefined;
    const decided = seat.decision();
    this.#wire.send({ type: PACKET.CONNECT, nsp: namespace, data: options.auth });
    await decided;
    await this.#quiet();
    return this.isConnected(namespace);
  }

  /** Whether the client is connected to a namespace. */
  isConnected(namespace: string = this.#namespace): boolean {
    return this.sid(namespace) !== undefined;
  }

  /** The client's id in a namespace, while it is connected. */
  sid(namespace: string = this.#namespace): string | undefined {
    return this.#seats.get(namespace)?.sid;
  }

  /** Why the server refused the client: the message and data of its `connect_error`. */
  refusal(namespace: string = this.#namespace): Refusal | undefined {
    return this.#seats.get(namespace)?.refusal;
  }

  /**
   * Sends an event. Resolves when the server has taken it and what it answered at once has arrived; with
   * `{ callback: true }` with the acknowledgement (one value, several as an array, none as `undefined`). Throws at
   * once if the client is not connected, or if the data cannot be sent.
   */
  emit<E extends EventName<ClientEvents>>(
    event: E,
    data: EmitParameters<ClientEvents, E, Answered>[0],
    options: Answered,
  ): Promise<EventAnswer<ClientEvents, E>>;
  emit<E extends EventName<ClientEvents>>(
    event: E,
    ...rest: EmitParameters<ClientEvents, E, TestEmitOptions>
  ): Promise<void>;
  emit(event: string, data?: unknown, options: TestEmitOptions = {}): Promise<unknown> {
    const seat = this.#connectedSeat(options.namespace);
    const values = [event, ...toArguments(data)];
    if (options.callback) return this.#ask(seat, values, options.timeout);
    this.#send({ type: PACKET.EVENT, nsp: seat.namespace, data: values });
    return this.#quiet();
  }

  /** Sends a `message` event, or with `{ json: true }` a `json` event. Otherwise as `emit`. */
  send(data: unknown, { json, ...options }: TestEmitOptions & { json?: boolean } = {}): Promise<unknown> {
    return (this.emit as (event: string, data: unknown, options: object) => Promise<unknown>).call(
      this,
      json ? 'json' : 'message',
      data,
      options,
    );
  }

  /** Sends an event and resolves with its acknowledgement. */
  call<E extends EventName<ClientEvents>>(
    event: E,
    ...[data, options]: EmitParameters<ClientEvents, E, WaitOptions>
  ): Promise<EventAnswer<ClientEvents, E>> {
    const seat = this.#connectedSeat(options?.namespace);
    const answer = this.#ask(seat, [event, ...toArguments(data)], options?.timeout);
    return answer as Promise<EventAnswer<ClientEvents, E>>;
  }

  /** Answers an event that the server sends with a callback or by `call()`: with what `fn` returns. */
  on(event: string, fn: AnyFunction, namespace: string = this.#namespace): void {
    this.#seatIn(namespace).answers.set(event, fn);
  }

  /** Everything that was received in a namespace since the last time; it is then forgotten. */
  getReceived(namespace: string = this.#namespace): ReceivedEvent[] {
    return this.#inbox.take(namespace);
  }

  /** The first event of this name, received already or in time. Rejects with what was received instead. */
  waitFor(
    event: string,
    { namespace = this.#namespace, timeout = PATIENCE }: WaitOptions = {},
  ): Promise<ReceivedEvent> {
    const late = () =>
      failure('FSK_TEST_TIMEOUT', `event ${printable(event)}`, timeout, this.#inbox.describe(namespace));
    return within(timeout, late, (resolve) => this.#inbox.next(event, namespace, resolve));
  }

  /** Rejects if something was received, or is within `milliseconds`. Default: what is under way. */
  async expectNothing(milliseconds = 0, namespace: string = this.#namespace): Promise<void> {
    await this.#quiet();
    if (milliseconds > 0) await realDelay(milliseconds);
    if (this.#inbox.holds(namespace)) throw failure('FSK_TEST_UNEXPECTED', this.#inbox.describe(namespace));
  }

  /** Leaves a namespace; the others stay. */
  async disconnect(namespace: string = this.#namespace): Promise<void> {
    const seat = this.#connectedSeat(namespace);
    this.#send({ type: PACKET.DISCONNECT, nsp: namespace });
    seat.leave(failure('FSK_TEST_DISCONNECTED', namespace));
    await this.#quiet();
  }

  /** Leaves all namespaces and ends the connection. */
  async close(): Promise<void> {
    await this.#wire?.close();
    await this.#quiet();
  }

  /** @internal A packet of the server. */
  receive(packet: Packet): void {
    const seat = this.#seatIn(packet.nsp);
    const data = packet.data as { sid: string } & Refusal & [string, ...unknown[]];
    if (packet.type === PACKET.CONNECT) seat.accept(data.sid);
    else if (packet.type === PACKET.CONNECT_ERROR) seat.refuse(data);
    else if (packet.type === PACKET.DISCONNECT) seat.leave(failure('FSK_TEST_DISCONNECTED', seat.namespace));
    else if (packet.type === PACKET.ACK || packet.type === PACKET.BINARY_ACK) this.#answered(packet.id, data);
    else this.#event(seat, packet, data);
  }

  /** @internal The connection has ended. */
  ended(): void {
    this.#wire = undefined;
    for (const seat of this.#seats.values()) seat.leave(failure('FSK_TEST_DISCONNECTED', seat.namespace));
  }

  #event(seat: Seat, { id, nsp }: Packet, event: [string, ...unknown[]]): void {
    const [name, ...values] = event;
    this.#inbox.add(nsp, event);
    const answer = seat.answers.get(name) as ((...values: unknown[]) => unknown) | undefined;
    if (id === undefined || !answer) return;
    this.#send({ type: PACKET.ACK, nsp, id, data: toArguments(answer(...values)) });
  }

  #answered(id: number | undefined, values: readonly unknown[]): void {
    const acknowledge = id === undefined ? undefined : this.#acknowledgements.get(id);
    acknowledge?.(...values);
  }

  async #ask(seat: Seat, data: unknown[], timeout = PATIENCE): Promise<unknown> {
    const id = this.#nextId++;
    const late = () => failure('FSK_TEST_TIMEOUT', `the acknowledgement of ${printable(data[0])}`, timeout, this.#inbox.describe(seat.namespace)); // prettier-ignore
    this.#send({ type: PACKET.EVENT, nsp: seat.namespace, data, id });
    try {
      return await within(timeout, late, (resolve, reject) => {
        this.#acknowledgements.set(id, (...values) => resolve(fromArguments(values)));
        return seat.onLeave(reject);
      });
    } finally {
      this.#acknowledgements.delete(id);
      await this.#quiet();
    }
  }

  #seatIn(namespace: string): Seat {
    const seat = this.#seats.get(namespace) ?? new Seat(namespace);
    this.#seats.set(namespace, seat);
    return seat;
  }

  #connectedSeat(namespace: string = this.#namespace): Seat {
    const seat = this.#seatIn(namespace);
    if (seat.sid === undefined || !this.#wire) throw failure('FSK_TEST_DISCONNECTED', namespace);
    return seat;
  }

  #send(packet: Packet): void {
    this.#wire?.send(packet);
  }

  #quiet(): Promise<void> {
    return quiet(() => this.#wire?.moved ?? 0);
  }
}
