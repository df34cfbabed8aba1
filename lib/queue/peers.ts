import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { failure, FlaskSocketError } from '../common/errors.js';
import { decode, encode } from './codec.js';
import type { BrokerLink } from './broker-link.js';
import { checkPeerMessage, type PeerAnswer, type PeerMessage, type PeerQuestion } from './cluster-message.js';

/** A process that says nothing for so long is gone, in milliseconds; each says something three times as often. */
const SILENCE = 10_000;
const HEARTBEAT = SILENCE / 3;

/** How long to wait for the others to show themselves once the broker is there, in milliseconds. */
const SETTLING = 300;

/** How long what waited waits for those that were there before, in milliseconds: a backoff, and time to connect. */
const RETURN = 6_000;

/** What a process answers to a question that is not its own to answer. */
export const NOT_MINE = Symbol('not mine');

/** Answers questions of one kind from other processes, now or later; `NOT_MINE` where another one has to. */
export type Responder = (question: unknown) => unknown;

/** What the other processes answered. */
interface Answers {
  answers: unknown[];
  /** Why some are missing, if they are. */
  silence: FlaskSocketError | undefined;
}

/** A question. */
interface Asked {
  kind: string;
  question: unknown;
  timeout: number;
  /** Waits also for those that were silent before. Default: true. */
  patient?: boolean;
}

/** A question that waits for answers. */
interface Pending {
  waitingFor: Set<string>;
  take: (answer: PeerAnswer) => void;
  /** Everybody has answered or is gone. */
  end: () => void;
  fail: (error: Error) => void;
}

/**
 * The processes of one application, asking each other. Who is there is known from heartbeats, so that a question ends
 * as soon as all have answered, and with a clear error when one does not. Source: promises M6, E7.
 */
export class Peers {
  readonly #id = randomUUID();
  readonly #topic: string;
  readonly #seen = new Map<string, number>();
  /** Those that did not answer in time, until they answer again. */
  readonly #silent = new Set<string>();
  readonly #pending = new Map<string, Pending>();
  readonly #responders = new Map<string, Responder>();
  readonly #heartbeat: NodeJS.Timeout;
  #settled: Promise<unknown> = Promise.resolve();
  /** Those that were there before the outage and are not back yet. */
  #missing = new Set<string>();
  #complete: () => void = () => {};

  constructor(private readonly link: BrokerLink) {
    this.#topic = `${link.channel}~peers`;
    const listener = (payload: Buffer) => this.#receive(checkPeerMessage(decode(payload)));
    link.subscribe(this.#topic, listener);
    link.subscribe(this.#topicOf(this.#id), listener);
    link.onUp(() => this.#greet());
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT).unref();
  }

  /** How many processes there are, this one included. */
  get size(): number {
    return this.#seen.size + 1;
  }

  /** How this process answers questions of a kind. */
  respond(kind: string, responder: Responder): void {
    this.#responders.set(kind, responder);
  }

  /**
   * The answers of all other processes; where some are silent, those of the others, and an error that says so. One that
   * was silent before is asked, but not waited for until it answers again. Rejects with `FSK_QUEUE_AWAY`.
   */
  async askAll(kind: string, question: unknown, timeout: number): Promise<Answers> {
    const answers: unknown[] = [];
    const unheard = new Set(this.#silent);
    const take = ({ from, mine, given }: PeerAnswer) => {
      unheard.delete(from);
      if (mine) answers.push(given);
      return false;
    };
    const silence = await this.#ask({ kind, question, timeout, patient: false }, take).catch(silenceOf);
    const isPartial = [...unheard].some((peer) => this.#seen.has(peer));
    return { answers, silence: silence ?? (isPartial ? this.#silence(unheard, timeout) : undefined) };
  }

  /**
   * The answer of the one process that has one; `NOT_MINE` if none has. Rejects with `FSK_QUEUE_AWAY` or, when one is
   * silent, `FSK_QUEUE_SILENT`.
   */
  async askOne(kind: string, question: unknown, timeout: number): Promise<unknown> {
    let given: unknown = NOT_MINE;
    await this.#ask({ kind, question, timeout }, (answer) => {
      if (!answer.mine) return false;
      given = answer.given;
      return true;
    });
    return given;
  }

  close(): void {
    clearInterval(this.#heartbeat);
    if (this.link.state === 'up') this.#tell(this.#topic, { is: 'bye', from: this.#id });
    for (const pending of this.#pending.values()) pending.fail(failure('FSK_QUEUE_AWAY'));
  }

  /** `take` sees each answer; `true` ends the question before the others have answered. */
  async #ask(
    { kind, question, timeout, patient = true }: Asked,
    take: (answer: PeerAnswer) => boolean,
  ): Promise<void> {
    const id = randomUUID();
    const payload = encode({ is: 'question', from: this.#id, id, kind, question } satisfies PeerQuestion);
    await this.#settled;
    if (this.link.state !== 'up') throw failure('FSK_QUEUE_AWAY');
    if (this.#seen.size === 0) return;
    return await new Promise<void>((resolve, reject) => {
      const pending: Pending = {
        waitingFor: this.#awaited(patient),
        take: (answer) => {
          if (take(answer)) pending.end();
        },
        end: () => resolve(this.#forget(id, timer)),
        fail: (error) => reject((this.#forget(id, timer), error)),
      };
      const timer = setTimeout(() => this.#giveUp(pending, timeout), timeout);
      this.#pending.set(id, pending);
      this.link.deliver(this.#topic, payload).catch(pending.fail);
    });
  }

  #forget(id: string, timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.#pending.delete(id);
  }

  /** Whom a question waits for. */
  #awaited(isPatient: boolean): Set<string> {
    const all = [...this.#seen.keys()];
    const prompt = isPatient ? all : all.filter((peer) => !this.#silent.has(peer));
    return new Set(prompt.length > 0 ? prompt : all);
  }

  #giveUp(pending: Pending, timeout: number): void {
    for (const peer of pending.waitingFor) this.#silent.add(peer);
    pending.fail(this.#silence(pending.waitingFor, timeout));
  }

  #silence({ size }: ReadonlySet<string>, timeout: number): FlaskSocketError {
    return failure('FSK_QUEUE_SILENT', size, this.#seen.size, timeout);
  }

  #receive(message: PeerMessage): void {
    const { from } = message;
    if (from === this.#id) return;
    if (message.is === 'bye') return this.#gone(from);
    if (message.is === 'hello' || message.is === 'here') this.#seen.set(from, Date.now());
    this.#isBack(from);
    if (message.is === 'hello') this.#tell(this.#topicOf(from), { is: 'here', from: this.#id });
    else if (message.is === 'question') void this.#answer(message);
    else if (message.is === 'answer') this.#take(message);
  }

  async #answer({ from, id, kind, question }: PeerQuestion): Promise<void> {
    const answer: PeerAnswer = { is: 'answer', from: this.#id, id, mine: false };
    try {
      const respond = this.#responders.get(kind);
      const given = respond ? await respond(question) : NOT_MINE;
      this.#tell(this.#topicOf(from), given === NOT_MINE ? answer : { ...answer, mine: true, given });
    } catch (error) {
      this.link.refuse(error);
      this.#tell(this.#topicOf(from), answer);
    }
  }

  #take(answer: PeerAnswer): void {
    this.#silent.delete(answer.from);
    const pending = this.#pending.get(answer.id);
    pending?.take(answer);
    if (pending) this.#heard(pending, answer.from);
  }

  #gone(peer: string): void {
    this.#seen.delete(peer);
    this.#silent.delete(peer);
    this.#isBack(peer);
    for (const pending of this.#pending.values()) this.#heard(pending, peer);
  }

  #heard(pending: Pending, peer: string): void {
    pending.waitingFor.delete(peer);
    if (pending.waitingFor.size === 0) pending.end();
  }

  /** Resolves when those that were there before are back: what is published before they listen would pass them by. */
  async #greet(): Promise<void> {
    this.#missing = new Set(this.#seen.keys());
    const back = new Promise<void>((resolve) => (this.#complete = resolve));
    const late = new AbortController();
    const tooLate = delay(RETURN, undefined, { ref: false, signal: late.signal }).catch(() => {});
    const complete = this.#missing.size === 0 ? undefined : Promise.race([back, tooLate]);
    this.#settled = delay(SETTLING);
    for (const peer of this.#missing) this.#seen.set(peer, Date.now()); // nobody could show himself
    this.#tell(this.#topic, { is: 'hello', from: this.#id });
    await complete;
    late.abort();
  }

  #isBack(peer: string): void {
    this.#missing.delete(peer);
    if (this.#missing.size === 0) this.#complete();
  }

  #beat(): void {
    if (this.link.state !== 'up') return;
    for (const [peer, seen] of this.#seen) if (Date.now() - seen > SILENCE) this.#gone(peer);
    this.#tell(this.#topic, { is: 'here', from: this.#id });
  }

  /** Now or never: it is about now. */
  #tell(topic: string, message: PeerMessage): void {
    this.link.deliver(topic, encode(message)).catch((error: unknown) => this.link.lose(error));
  }

  #topicOf(peer: string): string {
    return `${this.#topic}~${peer}`;
  }
}

/** The error of a process that was silent; any other is thrown on. */
function silenceOf(error: unknown): FlaskSocketError {
  if (error instanceof FlaskSocketError && error.code === 'FSK_QUEUE_SILENT') return error;
  throw error;
}
