import { randomUUID } from 'node:crypto';
import { LONGEST_TIMER } from '../../common/constants.js';
import { failure } from '../../common/errors.js';
import { printable } from '../../common/printable.js';
import { hasBytes } from '../codec.js';
import type { BrokerLink } from '../broker-link.js';
import type { RemoteCaller, Command, RemoteCall, TopicMessage } from '../queue.js';
import {
  emitMessage,
  messagesOf,
  readMessage,
  serverSideMessage,
  type Callback,
  type Incoming,
} from './flask-socketio-message.js';

const NO_MESSAGE = "Flask-SocketIO's protocol has no message for";

/** The adapter of a namespace. */
export interface Receiver {
  receive(message: Incoming): void;
}

/** A call that waits for its `callback` message. */
interface PendingCall {
  sid: string;
  namespace: string;
  answer: (values: unknown[]) => void;
  fail: (error: Error) => void;
}

/** The channel of python-socketio's processes, shared by all namespaces. */
export class FlaskSocketioBus implements RemoteCaller {
  readonly #hostId = randomUUID().replaceAll('-', '');
  readonly #own = Buffer.from(`"host_id":"${this.#hostId}"}`);
  readonly #receivers = new Map<string, Receiver>();
  readonly #calls = new Map<number, PendingCall>();
  #link: BrokerLink | undefined;
  #count = 0;

  constructor(private readonly channel: string) {}

  /** Subscribes to the channel. */
  attach(link: BrokerLink): void {
    this.#link = link;
    link.subscribe(this.channel, (payload) => this.#receive(payload));
  }

  /** From now on `receiver` gets the messages of a namespace. */
  addReceiver(namespace: string, receiver: Receiver): void {
    this.#receivers.set(namespace, receiver);
  }

  /** Does nothing if the namespace has been opened again, with another receiver. */
  removeReceiver(namespace: string, receiver: Receiver): void {
    if (this.#receivers.get(namespace) === receiver) this.#receivers.delete(namespace);
  }

  /** Encodes a command that needs exactly one message, like those for one client or room. */
  write(command: Command): TopicMessage {
    const [message, ...more] = messagesOf(command);
    if (!message || more.length > 0) throw new TypeError(`${NO_MESSAGE} ${describe(command)}`);
    return { topic: this.channel, payload: this.#encode(message) };
  }

  /** Encodes at once, so that errors reach the caller; the returned function publishes. */
  prepare(command: Command): () => void {
    const payloads = messagesOf(command).map((message) => this.#encode(message));
    if (payloads.length === 0) this.countUnsupported(describe(command));
    return () => payloads.forEach((payload) => this.#publish(payload));
  }

  /** Publishes to processes of this library; Python's ignore it. */
  publishServerSide(namespace: string, values: readonly unknown[]): void {
    this.#publish(this.#encode(serverSideMessage(namespace, values)));
  }

  /** Counts a command that the protocol has no message for. */
  countUnsupported(what: string): void {
    this.#link?.countLost(new TypeError(`${NO_MESSAGE} ${what}`));
  }

  /** Calls a client of another process. If there is no such client, no process says so: the call times out. */
  call({ namespace, sid, outgoing, timeout }: RemoteCall): Promise<readonly unknown[]> {
    const id = ++this.#count;
    const to = { nsp: namespace, rooms: [sid], except: [] };
    const payload = this.#encode(emitMessage({ to, values: outgoing }, [sid, namespace, id]));
    if (this.#link?.state !== 'up') return Promise.reject(failure('FSK_QUEUE_AWAY'));
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#calls.delete(id);
      };
      const answer = (values: unknown[]) => resolve((end(), values));
      const fail = (error: Error) => reject((end(), error));
      const late = () => fail(failure('FSK_CALL_TIMEOUT', printable(outgoing[0]), timeout));
      const timer = setTimeout(late, Math.min(timeout, LONGEST_TIMER));
      this.#calls.set(id, { sid, namespace, answer, fail });
      this.#publish(payload);
    });
  }

  /** Sends a client's acknowledgement to the process that called it. Never throws: the data is the client's. */
  acknowledge(host_id: string, [sid, namespace, id]: Callback, args: readonly unknown[]): void {
    if (hasBytes(args)) return this.countUnsupported('bytes in an acknowledgement');
    try {
      const answer = { method: 'callback', host_id, sid, namespace, id, args };
      this.#publish(Buffer.from(JSON.stringify(answer)));
    } catch (error) {
      this.#link?.countLost(error);
    }
  }

  close(): void {
    for (const { fail } of this.#calls.values()) fail(failure('FSK_QUEUE_AWAY'));
  }

  /** `host_id` comes last, so that this process recognizes its own messages without parsing them. */
  #encode(message: object): Buffer {
    return Buffer.from(JSON.stringify({ ...message, host_id: this.#hostId }));
  }

  #publish(payload: Buffer): void {
    this.#link?.publish(this.channel, payload);
  }

  #receive(payload: Buffer): void {
    if (payload.subarray(-this.#own.length).equals(this.#own)) return;
    const message = readMessage(payload);
    if (!message) return;
    if (message.method === 'callback') this.#receiveCallback(message);
    else if (message.from !== this.#hostId) this.#receivers.get(message.namespace)?.receive(message);
  }

  #receiveCallback({ from, namespace, sid, id, values }: Extract<Incoming, { method: 'callback' }>): void {
    if (from !== this.#hostId || typeof id !== 'number') return;
    const asked = this.#calls.get(id);
    if (asked && asked.sid === sid && asked.namespace === namespace) asked.answer(values);
  }
}

function describe({ kind, to }: Command): string {
  return `"${kind}" ${to.except.length > 0 ? 'with exceptions' : 'of everybody'}`;
}
