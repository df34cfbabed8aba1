import { checkEventName, fromArguments, toArguments } from '../common/args.js';
import { PacketType } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import { isThenable } from '../common/thenable.js';
import type { ClientState, SocketEvent } from '../context/connection.js';
import { Inbox } from './inbox.js';
import { type Refusal, NamespaceConnection } from './namespace-connection.js';
import { type Expected, realNow, within } from './real-time.js';
import type { Packet, TestedApp } from './tested-app.js';
import type { Handshake } from './web-socket.js';
import { encode, Wire } from './wire.js';

/** Who never stops talking is waited for this many milliseconds. */
const QUIET_LIMIT = 1_000;

/** What was sent: where, and how its acknowledgement will be known. */
export interface Sent {
  connection: NamespaceConnection;
  event: string;
  /** The client's handlers that ran before. */
  before: ReadonlySet<Promise<void>>;
  id: number | undefined;
}

/** The client's side of the Socket.IO protocol: what the methods of a test client are made of. */
export class ProtocolClient {
  readonly inbox = new Inbox();
  readonly #connections = new Map<string, NamespaceConnection>();
  readonly #acknowledgements = new Map<number, (values: readonly unknown[]) => void>();
  #wire: Wire | undefined;
  #isOpen = false;
  #whenOpen: (() => void)[] = [];
  #state: ClientState | undefined;
  #nextId = 0;

  constructor(
    private readonly app: TestedApp,
    private readonly handshake: Handshake,
  ) {}

  /** The client's place in a namespace. */
  connectionTo(namespace: string): NamespaceConnection {
    const connection = this.#connections.get(namespace) ?? new NamespaceConnection(namespace);
    this.#connections.set(namespace, connection);
    return connection;
  }

  /** The same; an error where the client is not connected. */
  connected(namespace: string): NamespaceConnection {
    const connection = this.connectionTo(namespace);
    if (!connection.isConnected) throw failure('FSK_TEST_DISCONNECTED', namespace);
    return connection;
  }

  /** Sends CONNECT for a namespace; opens the connection first if there is none. */
  join(connection: NamespaceConnection, auth: object | undefined): void {
    const packet = { type: PacketType.CONNECT, nsp: connection.namespace, data: auth };
    encode(this.app.server, packet, "the client's auth"); // throws now what cannot be sent later
    connection.ask();
    if (this.#isOpen) return this.#send(packet);
    this.#whenOpen.push(() => this.#send(packet));
    this.#wire ??= new Wire(this.app, this.handshake, {
      opened: () => this.#opened(),
      packet: (received) => this.#receive(received),
      closed: (reason) => this.#closed(reason),
    });
  }

  /** Sends an event. Throws in the caller what cannot be sent. */
  say(connection: NamespaceConnection, message: { event: string; data: unknown }, asks: boolean): Sent {
    const event = checkEventName(message.event, 'The test client');
    const values = toArguments(message.data);
    const id = asks ? this.#nextId++ : undefined;
    if (values.some((value) => typeof value === 'function'))
      throw failure('FSK_NOT_SERIALIZABLE', printable(event));
    const before = new Set(this.handlers());
    this.#send(
      { type: PacketType.EVENT, nsp: connection.namespace, data: [event, ...values], id },
      printable(event),
    );
    return { connection, event, before, id };
  }

  /** The acknowledgement of what was sent; an error if the client is disconnected before. */
  acknowledgement({ id = -1, connection }: Sent): Expected<unknown> {
    return (resolve, reject) => {
      this.#acknowledgements.set(id, (values) => resolve(fromArguments(values)));
      const unwatch = connection.watch(() => reject(failure('FSK_TEST_DISCONNECTED', connection.namespace)));
      return () => {
        this.#acknowledgements.delete(id);
        unwatch();
      };
    };
  }

  /** Leaves a namespace. */
  leave(connection: NamespaceConnection): void {
    this.#send({ type: PacketType.DISCONNECT, nsp: connection.namespace });
    connection.leave('io client disconnect');
  }

  /** Ends the connection; resolves when that has been noticed. */
  async close(timeout: number): Promise<void> {
    if (!this.#wire) return;
    const closed = this.#wire.close();
    await within(timeout, (resolve) => resolve(undefined), closed);
  }

  /** Calls a function as a handler of this client's event. */
  run({ namespace, sid = '' }: NamespaceConnection, event: SocketEvent, fn: () => unknown): Promise<unknown> {
    return this.app.run({ namespace, sid }, event, fn);
  }

  /** The handlers of this client that are running. */
  handlers(): Promise<void>[] {
    return this.app.handlersOf(this.#state);
  }

  /** Resolves when all that is under way has arrived. */
  quiet(): Promise<void> {
    return this.app.quiet(QUIET_LIMIT);
  }

  /** Resolves with true when all is quiet and no handler but those of `before` runs; with false when it is late. */
  async settled(timeout: number, before: ReadonlySet<Promise<void>> = new Set()): Promise<boolean> {
    const end = realNow() + timeout;
    for (;;) {
      await this.app.quiet(end - realNow());
      const running = this.handlers().filter((each) => !before.has(each));
      if (running.length === 0) return true;
      if (!(await allSettled(running, end - realNow()))) return false;
    }
  }

  #send(packet: Packet, what = 'the test client'): void {
    this.#wire?.send(encode(this.app.server, packet, what));
  }

  #opened(): void {
    this.#isOpen = true;
    for (const send of this.#whenOpen.splice(0)) send();
  }

  #closed(reason: string): void {
    this.#wire = undefined;
    this.#isOpen = false;
    this.#whenOpen = [];
    for (const connection of this.#connections.values()) connection.leave(reason);
  }

  #receive({ type, nsp, data, id }: Packet): void {
    const connection = this.connectionTo(nsp);
    if (type === PacketType.CONNECT) this.#accepted(connection, data as { sid: string });
    else if (type === PacketType.CONNECT_ERROR) connection.refuse(data as Refusal);
    else if (type === PacketType.DISCONNECT) connection.leave('io server disconnect');
    else if (type === PacketType.ACK || type === PacketType.BINARY_ACK)
      this.#acknowledgements.get(id ?? -1)?.(data as unknown[]);
    else void this.#heard(connection, data as [string, ...unknown[]], id);
  }

  #accepted(connection: NamespaceConnection, { sid }: { sid: string }): void {
    this.#state = this.app.stateOf(connection.namespace, sid) ?? this.#state;
    connection.accept(sid);
  }

  /** What an answering function throws is not caught: the test fails with it. */
  async #heard(
    connection: NamespaceConnection,
    event: [string, ...unknown[]],
    id: number | undefined,
  ): Promise<void> {
    const [name, ...values] = event;
    this.inbox.add(connection.namespace, event);
    const answer = connection.answers.get(name) as ((...values: unknown[]) => unknown) | undefined;
    if (id === undefined || !answer) return;
    const result = answer(...values);
    const data = toArguments(isThenable(result) ? await result : result);
    this.#send(
      { type: PacketType.ACK, nsp: connection.namespace, data, id },
      `the answer to ${printable(name)}`,
    );
  }
}

function allSettled(promises: readonly Promise<void>[], timeout: number): Promise<boolean> {
  return within(
    Math.max(0, timeout),
    (resolve) => resolve(false),
    (resolve) => {
      void Promise.allSettled(promises).then(() => resolve(true));
      return () => {};
    },
  );
}
