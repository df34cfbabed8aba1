import { randomUUID } from 'node:crypto';
import { LONGEST_TIMER } from '../../common/constants.js';
import { failure } from '../../common/errors.js';
import { printable } from '../../common/printable.js';
import { hasBytes } from '../codec.js';
import type { BrokerLink } from '../broker-link.js';
import type { RemoteCaller, Command, RemoteCall, Written } from '../queue.js';
import {
  emitMessage,
  messagesOf,
  readMessage,
  serverSideMessage,
  type Callback,
  type Incoming,
} from './flask-socketio-message.js';

const NO_MESSAGE = "Flask-SocketIO's protocol has no message for";

/** What a namespace's adapter does with a message. */
export interface Receiver {
  receive(message: Incoming): void;
}

/** A question that waits for its `callback` message. */
interface Asked {
  sid: string;
  namespace: string;
  answer: (values: unknown[]) => void;
  fail: (error: Error) => void;
}

/** The one channel of python-socketio's processes, shared by the namespaces of a server. */
export class FlaskSocketioBus implements RemoteCaller {
  readonly #hostId = randomUUID().replaceAll('-', '');
  readonly #own = Buffer.from(`"host_id":"${this.#hostId}"}`);
  readonly #receivers = new Map<string, Receiver>();
  readonly #asked = new Map<number, Asked>();
  #link: BrokerLink | undefined;
  #count = 0;

  constructor(private readonly channel: string) {}

  /** From now on what arrives is for the namespaces. */
  open(link: BrokerLink): void {
    this.#link = link;
    link.subscribe(this.channel, (payload) => this.#receive(payload));
  }

  /** From now on a namespace's messages are for `receiver`. */
  enter(namespace: string, receiver: Receiver): void {
    this.#receivers.set(namespace, receiver);
  }

  /** The namespace is gone, unless it has been made again. */
  leave(namespace: string, receiver: Receiver): void {
    if (this.#receivers.get(namespace) === receiver) this.#receivers.delete(namespace);
  }

  /** A command that is one message, as those of a client or a room are. */
  write(command: Command): Written {
    const [message, ...more] = messagesOf(command);
    if (!message || more.length > 0) throw new TypeError(`${NO_MESSAGE} ${shown(command)}`);
    return { topic: this.channel, payload: this.#encoded(message) };
  }

  /** Encodes now, so that the caller hears of what cannot be encoded; what it returns publishes. */
  prepare(command: Command): () => void {
    const payloads = messagesOf(command).map((message) => this.#encoded(message));
    if (payloads.length === 0) this.hasNoMessage(shown(command));
    return () => payloads.forEach((payload) => this.#publish(payload));
  }

  /** Tells the processes of ours, which Python's pass over. */
  tellOurs(namespace: string, values: readonly unknown[]): void {
    this.#publish(this.#encoded(serverSideMessage(namespace, values)));
  }

  /** Counts what cannot be told. */
  hasNoMessage(what: string): void {
    this.#link?.lose(new TypeError(`${NO_MESSAGE} ${what}`));
  }

  /** What a client of another process acknowledges an event with. Nobody says that there is no such client. */
  call({ namespace, sid, outgoing, timeout }: RemoteCall): Promise<readonly unknown[]> {
    const id = ++this.#count;
    const to = { nsp: namespace, rooms: [sid], except: [] };
    const payload = this.#encoded(emitMessage({ to, values: outgoing }, [sid, namespace, id]));
    if (this.#link?.state !== 'up') return Promise.reject(failure('FSK_QUEUE_AWAY'));
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#asked.delete(id);
      };
      const answer = (values: unknown[]) => resolve((end(), values));
      const fail = (error: Error) => reject((end(), error));
      const late = () => fail(failure('FSK_CALL_TIMEOUT', printable(outgoing[0]), timeout));
      const timer = setTimeout(late, Math.min(timeout, LONGEST_TIMER));
      this.#asked.set(id, { sid, namespace, answer, fail });
      this.#publish(payload);
    });
  }

  /** Brings the process that asked what a client here has acknowledged with. Never throws: a client wrote it. */
  answer(host_id: string, [sid, namespace, id]: Callback, args: readonly unknown[]): void {
    if (hasBytes(args)) return this.hasNoMessage('bytes in an acknowledgement');
    try {
      const answer = { method: 'callback', host_id, sid, namespace, id, args };
      this.#publish(Buffer.from(JSON.stringify(answer)));
    } catch (error) {
      this.#link?.lose(error);
    }
  }

  close(): void {
    for (const { fail } of this.#asked.values()) fail(failure('FSK_QUEUE_AWAY'));
  }

  /** The process comes last, so that our own messages are told from others without being parsed. */
  #encoded(message: object): Buffer {
    return Buffer.from(JSON.stringify({ ...message, host_id: this.#hostId }));
  }

  #publish(payload: Buffer): void {
    this.#link?.publish(this.channel, payload);
  }

  #receive(payload: Buffer): void {
    if (payload.subarray(-this.#own.length).equals(this.#own)) return;
    const message = readMessage(payload);
    if (!message) return;
    if (message.method === 'callback') this.#take(message);
    else if (message.from !== this.#hostId) this.#receivers.get(message.namespace)?.receive(message);
  }

  #take({ from, namespace, sid, id, values }: Extract<Incoming, { method: 'callback' }>): void {
    if (from !== this.#hostId || typeof id !== 'number') return;
    const asked = this.#asked.get(id);
    if (asked && asked.sid === sid && asked.namespace === namespace) asked.answer(values);
  }
}

function shown({ kind, to }: Command): string {
  return `"${kind}" ${to.except.length > 0 ? 'with exceptions' : 'of everybody'}`;
}
