import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { failure, FlaskSocketError } from '../common/errors.js';
import { decode, encode } from './codec.js';
import type { BrokerLink } from './broker-link.js';
import {
  checkPeerMessage,
  type PeerResponse,
  type PeerMessage,
  type PeerRequest,
} from './cluster-message.js';

/** A process without a heartbeat for this long is gone, in milliseconds. */
const PEER_TIMEOUT = 10_000;
const HEARTBEAT = PEER_TIMEOUT / 3;

/** How long to wait for the heartbeats of the others after a connection, in milliseconds. */
const DISCOVERY = 300;

/** How long the backlog waits for the others to reconnect, in milliseconds: a backoff, and time to connect. */
const RETURN_TIMEOUT = 6_000;

/** The response of a process that has nothing to say to a request: another process has. */
export const NOT_MINE = Symbol('not mine');

/** Returns the response to a request of another process, or a promise of it, or `NOT_MINE`. */
export type Responder = (data: unknown) => unknown;

interface Responses {
  responses: unknown[];
  /** Set if some processes did not respond. */
  error: FlaskSocketError | undefined;
}

interface RequestOptions {
  kind: string;
  data: unknown;
  timeout: number;
  /** Waits also for processes that did not respond last time. Default: true. */
  waitForSilent?: boolean;
}

interface PendingRequest {
  waitingFor: Set<string>;
  receive: (response: PeerResponse) => void;
  /** All have responded or are gone. */
  end: () => void;
  fail: (error: Error) => void;
}

/**
 * Requests and responses among the processes of one application. Heartbeats say which processes there are, so a request
 * ends when all have responded, and with an error that counts them if one does not. Source: promises M6, E7.
 */
export class Peers {
  readonly #id = randomUUID();
  readonly #topic: string;
  readonly #seen = new Map<string, number>();
  /** Processes that did not respond in time, until they do again. */
  readonly #silent = new Set<string>();
  readonly #pending = new Map<string, PendingRequest>();
  readonly #responders = new Map<string, Responder>();
  readonly #heartbeatTimer: NodeJS.Timeout;
  #discovered: Promise<unknown> = Promise.resolve();
  /** Processes that have not reconnected yet after the outage. */
  #missing = new Set<string>();
  #allReturned: () => void = () => {};

  constructor(private readonly link: BrokerLink) {
    this.#topic = `${link.channel}~peers`;
    const listener = (payload: Buffer) => this.#receive(checkPeerMessage(decode(payload)));
    link.subscribe(this.#topic, listener);
    link.subscribe(this.#topicOf(this.#id), listener);
    link.onConnected(() => this.#discover());
    this.#heartbeatTimer = setInterval(() => this.#sendHeartbeat(), HEARTBEAT).unref();
  }

  /** How many processes there are, this one included. */
  get size(): number {
    return this.#seen.size + 1;
  }

  respond(kind: string, responder: Responder): void {
    this.#responders.set(kind, responder);
  }

  /**
   * The responses of all other processes, and an error if some did not respond. One that did not respond last time gets
   * the request, but is not waited for. Rejects with `FSK_QUEUE_AWAY`.
   */
  async requestAll(kind: string, data: unknown, timeout: number): Promise<Responses> {
    const responses: unknown[] = [];
    const silent = new Set(this.#silent);
    const receive = ({ from, mine, given }: PeerResponse) => {
      silent.delete(from);
      if (mine) responses.push(given);
      return false;
    };
    const sent = this.#request({ kind, data, timeout, waitForSilent: false }, receive);
    const error = await sent.catch(silentErrorFrom);
    const isPartial = [...silent].some((peer) => this.#seen.has(peer));
    return { responses, error: error ?? (isPartial ? this.#silentError(silent, timeout) : undefined) };
  }

  /**
   * The response of the one process that has one, or `NOT_MINE`. Rejects with `FSK_QUEUE_AWAY`, or with
   * `FSK_QUEUE_SILENT` if a process did not respond.
   */
  async requestOne(kind: string, data: unknown, timeout: number): Promise<unknown> {
    let found: unknown = NOT_MINE;
    await this.#request({ kind, data, timeout }, (response) => {
      if (!response.mine) return false;
      found = response.given;
      return true;
    });
    return found;
  }

  close(): void {
    clearInterval(this.#heartbeatTimer);
    if (this.link.state === 'up') this.#send(this.#topic, { is: 'bye', from: this.#id });
    for (const pending of this.#pending.values()) pending.fail(failure('FSK_QUEUE_AWAY'));
  }

  /** `receive` is called for each response; if it returns true, the request ends. */
  async #request(
    { kind, data, timeout, waitForSilent = true }: RequestOptions,
    receive: (response: PeerResponse) => boolean,
  ): Promise<void> {
    const id = randomUUID();
    const request: PeerRequest = { is: 'question', from: this.#id, id, kind, question: data };
    const encoded = encode(request);
    await this.#discovered;
    if (this.link.state !== 'up') throw failure('FSK_QUEUE_AWAY');
    if (this.#seen.size === 0) return;
    await new Promise<void>((resolve, reject) => {
      const pending: PendingRequest = {
        waitingFor: this.#peersToAwait(waitForSilent),
        receive: (response) => void (receive(response) && pending.end()),
        end: () => resolve(this.#forget(id, timer)),
        fail: (error) => reject((this.#forget(id, timer), error)),
      };
      const timer = setTimeout(() => this.#timeOut(pending, timeout), timeout);
      this.#pending.set(id, pending);
      this.link.publishNow(this.#topic, encoded).catch(pending.fail);
    });
  }

  #forget(id: string, timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.#pending.delete(id);
  }

  #peersToAwait(waitForSilent: boolean): Set<string> {
    const all = [...this.#seen.keys()];
    const responsive = waitForSilent ? all : all.filter((peer) => !this.#silent.has(peer));
    return new Set(responsive.length > 0 ? responsive : all);
  }

  #timeOut(pending: PendingRequest, timeout: number): void {
    for (const peer of pending.waitingFor) this.#silent.add(peer);
    pending.fail(this.#silentError(pending.waitingFor, timeout));
  }

  #silentError({ size }: ReadonlySet<string>, timeout: number): FlaskSocketError {
    return failure('FSK_QUEUE_SILENT', size, this.#seen.size, timeout);
  }

  #receive(message: PeerMessage): void {
    const { from } = message;
    if (from === this.#id) return;
    if (message.is === 'bye') return this.#remove(from);
    if (message.is === 'hello' || message.is === 'here') this.#seen.set(from, Date.now());
    this.#hasReturned(from);
    if (message.is === 'hello') this.#send(this.#topicOf(from), { is: 'here', from: this.#id });
    else if (message.is === 'question') void this.#respond(message);
    else if (message.is === 'answer') this.#receiveResponse(message);
  }

  async #respond({ from, id, kind, question }: PeerRequest): Promise<void> {
    const response: PeerResponse = { is: 'answer', from: this.#id, id, mine: false };
    try {
      const respond = this.#responders.get(kind);
      const given = respond ? await respond(question) : NOT_MINE;
      this.#send(this.#topicOf(from), given === NOT_MINE ? response : { ...response, mine: true, given });
    } catch (error) {
      this.link.countRefused(error);
      this.#send(this.#topicOf(from), response);
    }
  }

  #receiveResponse(response: PeerResponse): void {
    this.#silent.delete(response.from);
    const pending = this.#pending.get(response.id);
    pending?.receive(response);
    if (pending) this.#settle(pending, response.from);
  }

  #remove(peer: string): void {
    this.#seen.delete(peer);
    this.#silent.delete(peer);
    this.#hasReturned(peer);
    for (const pending of this.#pending.values()) this.#settle(pending, peer);
  }

  #settle(pending: PendingRequest, peer: string): void {
    pending.waitingFor.delete(peer);
    if (pending.waitingFor.size === 0) pending.end();
  }

  /** Resolves when the processes from before the outage have reconnected: they would miss what is published earlier. */
  async #discover(): Promise<void> {
    this.#missing = new Set(this.#seen.keys());
    const returned = new Promise<void>((resolve) => (this.#allReturned = resolve));
    const timer = new AbortController();
    const timeout = delay(RETURN_TIMEOUT, undefined, { ref: false, signal: timer.signal }).catch(() => {});
    const complete = this.#missing.size === 0 ? undefined : Promise.race([returned, timeout]);
    this.#discovered = delay(DISCOVERY);
    for (const peer of this.#missing) this.#seen.set(peer, Date.now()); // no heartbeats during the outage
    this.#send(this.#topic, { is: 'hello', from: this.#id });
    await complete;
    timer.abort();
  }

  #hasReturned(peer: string): void {
    this.#missing.delete(peer);
    if (this.#missing.size === 0) this.#allReturned();
  }

  #sendHeartbeat(): void {
    if (this.link.state !== 'up') return;
    for (const [peer, seen] of this.#seen) if (Date.now() - seen > PEER_TIMEOUT) this.#remove(peer);
    this.#send(this.#topic, { is: 'here', from: this.#id });
  }

  /** A message that cannot be sent now is dropped: after an outage it would be out of date. */
  #send(topic: string, message: PeerMessage): void {
    this.link.publishNow(topic, encode(message)).catch((error: unknown) => this.link.countLost(error));
  }

  #topicOf(peer: string): string {
    return `${this.#topic}~${peer}`;
  }
}

/** Returns an error about silent processes; throws any other. */
function silentErrorFrom(error: unknown): FlaskSocketError {
  if (error instanceof FlaskSocketError && error.code === 'FSK_QUEUE_SILENT') return error;
  throw error;
}
