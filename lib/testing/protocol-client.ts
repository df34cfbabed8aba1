import { checkEventName, fromArguments, toArguments } from '../common/args.js';
import { PacketType } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import { isThenable } from '../common/thenable.js';
import type { ClientState, SocketEvent } from '../context/connection.js';
import { Inbox } from './inbox.js';
import { type Refusal, NamespaceConnection } from './namespace-connection.js';
import { type CancellableExecutor, realNow, withTimeout } from './real-timers.js';
import type { Packet, TestedApp } from './tested-app.js';
import { encode, EngineClient, type Handshake } from './engine-client.js';

/** The longest wait for silence, in milliseconds: a server may send continuously. */
const IDLE_TIMEOUT = 1_000;

/** An event that was sent. */
export interface SentEvent {
  connection: NamespaceConnection;
  event: string;
  /** The client's handlers that ran already when it was sent. */
  before: ReadonlySet<Promise<void>>;
  /** The id of its acknowledgement, if it asks for one. */
  id: number | undefined;
}

/** A Socket.IO client: the packets behind the methods of a test client. */
export class ProtocolClient {
  readonly inbox = new Inbox();
  readonly #connections = new Map<string, NamespaceConnection>();
  readonly #acks = new Map<number, (values: readonly unknown[]) => void>();
  #engine: EngineClient | undefined;
  #isOpen = false;
  #sendWhenOpen: (() => void)[] = [];
  #state: ClientState | undefined;
  #nextId = 0;

  constructor(
    private readonly app: TestedApp,
    private readonly handshake: Handshake,
  ) {}

  /** The client's connection to a namespace, whatever its state. */
  connectionTo(namespace: string): NamespaceConnection {
    const connection = this.#connections.get(namespace) ?? new NamespaceConnection(namespace);
    this.#connections.set(namespace, connection);
    return connection;
  }

  /** The same, but throws if the client is not connected to the namespace. */
  connectedTo(namespace: string): NamespaceConnection {
    const connection = this.connectionTo(namespace);
    if (!connection.isConnected) throw failure('FSK_TEST_DISCONNECTED', namespace);
    return connection;
  }

  /** Sends a CONNECT packet for a namespace. Opens the Engine.IO connection first if necessary. */
  connect(connection: NamespaceConnection, auth: object | undefined): void {
    const packet = { type: PacketType.CONNECT, nsp: connection.namespace, data: auth };
    encode(this.app.server, packet, "the client's auth"); // throws now, not when the connection opens
    connection.startConnecting();
    if (this.#isOpen) return this.#send(packet);
    this.#sendWhenOpen.push(() => this.#send(packet));
    this.#engine ??= new EngineClient(this.app, this.handshake, {
      opened: () => this.#opened(),
      packet: (received) => this.#receive(received),
      closed: (reason) => this.#closed(reason),
    });
  }

  /** Sends an event. Throws at once if it cannot be encoded. */
  emit(
    connection: NamespaceConnection,
    message: { event: string; data: unknown },
    wantsAck: boolean,
  ): SentEvent {
    const event = checkEventName(message.event, 'The test client');
    const values = toArguments(message.data);
    const id = wantsAck ? this.#nextId++ : undefined;
    if (values.some((value) => typeof value === 'function'))
      throw failure('FSK_NOT_SERIALIZABLE', printable(event));
    const before = new Set(this.runningHandlers());
    this.#send(
      { type: PacketType.EVENT, nsp: connection.namespace, data: [event, ...values], id },
      printable(event),
    );
    return { connection, event, before, id };
  }

  /** Waits for the acknowledgement of an event. Rejects if the client is disconnected first. */
  acknowledgement({ id = -1, connection }: SentEvent): CancellableExecutor<unknown> {
    return (resolve, reject) => {
      this.#acks.set(id, (values) => resolve(fromArguments(values)));
      const stopListening = connection.onChange(() =>
        reject(failure('FSK_TEST_DISCONNECTED', connection.namespace)),
      );
      return () => {
        this.#acks.delete(id);
        stopListening();
      };
    };
  }

  /** Disconnects from a namespace. */
  disconnect(connection: NamespaceConnection): void {
    this.#send({ type: PacketType.DISCONNECT, nsp: connection.namespace });
    connection.disconnected('io client disconnect');
  }

  /** Closes the Engine.IO connection. Resolves when it is closed, or after the timeout. */
  async close(timeout: number): Promise<void> {
    if (!this.#engine) return;
    const closed = this.#engine.close();
    await withTimeout(timeout, (resolve) => resolve(undefined), closed);
  }

  /** Calls a function like the handler of an event of this client. */
  run({ namespace, sid = '' }: NamespaceConnection, event: SocketEvent, fn: () => unknown): Promise<unknown> {
    return this.app.run({ namespace, sid }, event, fn);
  }

  /** This client's handlers that are running. */
  runningHandlers(): Promise<void>[] {
    return this.app.runningHandlersOf(this.#state);
  }

  /** Resolves when everything that was sent has arrived. */
  idle(): Promise<void> {
    return this.app.idle(IDLE_TIMEOUT);
  }

  /** Resolves with `true` once only handlers of `before` run and nothing is sent, with `false` after the timeout. */
  async settled(timeout: number, before: ReadonlySet<Promise<void>> = new Set()): Promise<boolean> {
    const end = realNow() + timeout;
    for (;;) {
      await this.app.idle(end - realNow());
      const running = this.runningHandlers().filter((each) => !before.has(each));
      if (running.length === 0) return true;
      if (!(await allSettled(running, end - realNow()))) return false;
    }
  }

  #send(packet: Packet, what = 'the test client'): void {
    this.#engine?.send(encode(this.app.server, packet, what));
  }

  #opened(): void {
    this.#isOpen = true;
    for (const send of this.#sendWhenOpen.splice(0)) send();
  }

  #closed(reason: string): void {
    this.#engine = undefined;
    this.#isOpen = false;
    this.#sendWhenOpen = [];
    for (const connection of this.#connections.values()) connection.disconnected(reason);
  }

  #receive({ type, nsp, data, id }: Packet): void {
    const connection = this.connectionTo(nsp);
    if (type === PacketType.CONNECT) this.#accepted(connection, data as { sid: string });
    else if (type === PacketType.CONNECT_ERROR) connection.refused(data as Refusal);
    else if (type === PacketType.DISCONNECT) connection.disconnected('io server disconnect');
    else if (type === PacketType.ACK || type === PacketType.BINARY_ACK)
      this.#acks.get(id ?? -1)?.(data as unknown[]);
    else void this.#receiveEvent(connection, data as [string, ...unknown[]], id);
  }

  #accepted(connection: NamespaceConnection, { sid }: { sid: string }): void {
    this.#state = this.app.stateOf(connection.namespace, sid) ?? this.#state;
    connection.accepted(sid);
  }

  /** An error of a listener is not caught, so that the test fails with it. */
  async #receiveEvent(
    connection: NamespaceConnection,
    event: [string, ...unknown[]],
    id: number | undefined,
  ): Promise<void> {
    const [name, ...values] = event;
    this.inbox.add(connection.namespace, event);
    const listener = connection.listeners.get(name) as ((...values: unknown[]) => unknown) | undefined;
    if (id === undefined || !listener) return;
    const result = listener(...values);
    const data = toArguments(isThenable(result) ? await result : result);
    this.#send(
      { type: PacketType.ACK, nsp: connection.namespace, data, id },
      `the acknowledgement of ${printable(name)}`,
    );
  }
}

function allSettled(promises: readonly Promise<void>[], timeout: number): Promise<boolean> {
  return withTimeout(
    Math.max(0, timeout),
    (resolve) => resolve(false),
    (resolve) => {
      void Promise.allSettled(promises).then(() => resolve(true));
      return () => {};
    },
  );
}
