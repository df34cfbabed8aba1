import type { FlaskSocketLogger } from '../common/logger.js';
import type { ElectionTransport, ElectionMessage } from './election-transport.js';

/** How often the state is checked, and how often a leader renews its term; in milliseconds. */
const TICK = 250;
const RENEWAL = 1_000;

/** A leader that has not received its own renewal for this long steps down, in milliseconds… */
export const LEASE = 3_000;

/** …before the others, which wait this long for a renewal, elect another. A new process waits as long, too. */
export const ELECTION_TIMEOUT = 4_000;

/** The most that is added at random, so that most processes receive a claim before they make one. */
const JITTER = 500;

/** The longest random delay of a claim after a leader has resigned, in milliseconds. */
const SUCCESSION_DELAY = 100;

/** How long the others have to object to a claim, after it has been received here. */
const OBJECTION_TIME = 250;

/** A process without a leader for this long after its start stops waiting for one, in milliseconds. */
const DISCOVERY = 8_000;

/** The term that this process has claimed, when, and when it received its own claim. */
interface Claim {
  term: number;
  at: number;
  receivedAt?: number;
}

interface Leadership {
  term: number;
  /** When the last renewal was sent that this process has received itself. */
  confirmedAt: number;
  abort: AbortController;
}

/**
 * Elects one of the processes that have joined. The leader's term ends when it resigns, ends, hangs or loses the broker:
 * it must receive its own renewals. It steps down before the others elect another; only monotonic clocks are compared.
 * Guarantees and limits: docs/decisions/0007-leader.md. Without a message queue this process leads.
 */
export class Election {
  #transport: ElectionTransport | undefined;
  #isAlone = false;
  #participants = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The highest known term that had a leader, and that leader if it is another process. */
  #term = 0;
  #leader: string | undefined;
  #leadership: Leadership | undefined;
  #renewedAt = 0;
  #claim: Claim | undefined;
  /** When this process may claim a term; `undefined` while the broker is away. */
  #claimAt: number | undefined;
  /** Whether this process knows who leads, or has waited long enough. */
  #isLeaderKnown = false;
  #leaderKnownAt = Infinity;
  #isClosed = false;
  readonly #waiting = new Set<() => void>();

  constructor(
    private readonly name: string,
    private readonly logger: FlaskSocketLogger,
  ) {}

  /** What connects this process to the others; `none` without a message queue. */
  useTransport(transport: ElectionTransport | 'none'): void {
    if (transport === 'none') this.#isAlone = true;
    else this.#transport = transport;
    this.#startElection();
  }

  /** Takes part until the returned function is called. When the last participant leaves, this process resigns. */
  join(): () => void {
    this.#participants++;
    this.#startElection();
    let hasJoined = true;
    return () => {
      if (hasJoined && --this.#participants === 0) this.#leave();
      hasJoined = false;
    };
  }

  /** Whether this process leads now. Checks the lease: a process that hung may have lost it without a message. */
  get isLeader(): boolean {
    if (this.#transport && this.#leadership && performance.now() - this.#leadership.confirmedAt >= LEASE) {
      this.logger.warn(`This process leads "${this.name}" no longer: it hung, or the message queue did.`);
      this.#stepDown(this.#leadership);
    }
    return this.#leadership !== undefined;
  }

  /** Whether this process leads; a new process waits until it knows. */
  async isLeaderOnceKnown(): Promise<boolean> {
    while (!this.isLeader && !this.#isLeaderKnown) await this.#changed();
    return this.isLeader;
  }

  /** Resolves when this process leads, with a signal that aborts at the end of its term; rejects if `signal` aborts. */
  async leadership(signal: AbortSignal): Promise<AbortSignal> {
    for (;;) {
      signal.throwIfAborted();
      if (this.isLeader && this.#leadership) return this.#leadership.abort.signal;
      await this.#changed(signal);
    }
  }

  /** Receives a message of any process, this one included. */
  receive(message: ElectionMessage): void {
    const transport = this.#transport;
    if (!transport || !this.#timer) return;
    const now = performance.now();
    if (message.from === transport.id) this.#receiveOwn(message, now);
    else if (message.is === 'leads') this.#receiveLeader(message, transport);
    else if (message.is === 'resigns') this.#receiveResignation(message, now);
    else if (this.isLeader) this.#renew();
    else if (!this.#claim || outranks(message, transport.id, this.#claim.term)) this.#postponeClaim(now);
  }

  /** Leaves for good. */
  close(): void {
    this.#isClosed = this.#isLeaderKnown = true;
    this.#leave();
  }

  #startElection(): void {
    if (this.#participants === 0 || this.#isClosed || this.#leadership || this.#timer) return;
    if (this.#isAlone) return this.#startLeading({ term: 1, at: 0 });
    const transport = this.#transport;
    if (!transport) return;
    this.#leaderKnownAt = performance.now() + DISCOVERY;
    this.#timer = setInterval(() => this.#tick(transport, performance.now()), TICK).unref();
  }

  #leave(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#leadership) this.#stepDown(this.#leadership);
    this.#claim = this.#claimAt = this.#leader = undefined;
    this.#notifyWaiting();
  }

  #tick(transport: ElectionTransport, now: number): void {
    if (now >= this.#leaderKnownAt) this.#isLeaderKnown = true;
    if (this.isLeader) {
      if (now - this.#renewedAt >= RENEWAL) this.#renew();
    } else if (!transport.isConnected) this.#claim = this.#claimAt = this.#leader = undefined;
    else if (this.#claimAt === undefined) this.#postponeClaim(now);
    else this.#claimOrLead(now, this.#claimAt);
    this.#notifyWaiting();
  }

  /** Leads if nobody objected to the claim, or claims the next term if there is no leader. */
  #claimOrLead(now: number, claimAt: number): void {
    const { receivedAt: heardAt = Infinity, at = -Infinity } = this.#claim ?? {};
    if (this.#claim && now - heardAt >= OBJECTION_TIME && now - at < LEASE)
      return this.#startLeading(this.#claim);
    if (now < claimAt) return;
    this.#postponeClaim(now);
    this.#claim = { term: this.#term + 1, at: now };
    this.#publish('claims', this.#claim);
  }

  /** Waits for messages of the others before the next claim. */
  #postponeClaim(now: number): void {
    this.#claim = this.#leader = undefined;
    this.#claimAt = now + ELECTION_TIMEOUT + JITTER * Math.random();
  }

  #receiveOwn({ is, term, at }: ElectionMessage, now: number): void {
    const reign = this.#leadership;
    if (is === 'leads' && reign?.term === term)
      reign.confirmedAt = Math.max(reign.confirmedAt, Math.min(at, now));
    if (is === 'claims' && this.#claim?.at === at) this.#claim.receivedAt ??= now;
  }

  /** Another process leads. Of two leaders (after a network partition) one steps down. */
  #receiveLeader(message: ElectionMessage, { id }: ElectionTransport): void {
    if (this.#leadership && !outranks(message, id, this.#leadership.term)) return this.#renew();
    this.#postponeClaim(performance.now());
    this.#term = Math.max(this.#term, message.term);
    this.#leader = message.from;
    this.#isLeaderKnown = true;
    if (this.#leadership) this.#stopLeading(this.#leadership, 'another one does');
    this.#notifyWaiting();
  }

  /** Ignored if it is not from the known leader: then it is late. */
  #receiveResignation({ term, from }: ElectionMessage, now: number): void {
    const isLate = this.#leader === undefined ? term < this.#term : from !== this.#leader;
    if (this.#leadership || isLate) return;
    this.#postponeClaim(now);
    this.#term = Math.max(this.#term, term);
    this.#claimAt = now + SUCCESSION_DELAY * Math.random();
  }

  #renew(): void {
    this.#renewedAt = performance.now();
    if (this.#leadership) this.#publish('leads', { term: this.#leadership.term, at: this.#renewedAt });
  }

  #publish(is: ElectionMessage['is'], { term, at }: Claim): void {
    this.#transport?.publish({ is, name: this.name, from: this.#transport.id, term, at });
  }

  #startLeading({ term, at }: Claim): void {
    this.#leadership = { term, confirmedAt: at, abort: new AbortController() };
    this.#term = term;
    this.#claim = this.#claimAt = this.#leader = undefined;
    this.#isLeaderKnown = true;
    if (this.#transport) this.logger.log(`This process leads "${this.name}".`);
    this.#renew();
    this.#notifyWaiting();
  }

  #stepDown(reign: Leadership): void {
    this.#publish('resigns', { term: reign.term, at: reign.confirmedAt });
    this.#stopLeading(reign, 'it has resigned');
  }

  #stopLeading(reign: Leadership, why: string): void {
    this.#leadership = undefined;
    reign.abort.abort(new Error(`This process leads "${this.name}" no longer: ${why}.`));
  }

  #notifyWaiting(): void {
    for (const notify of this.#waiting) notify();
  }

  /** Resolves at the next change of state, or when the signal aborts. */
  #changed(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const changed = () => {
        signal?.removeEventListener('abort', changed);
        this.#waiting.delete(changed);
        resolve();
      };
      signal?.addEventListener('abort', changed);
      this.#waiting.add(changed);
    });
  }
}

/** Whether another process takes precedence: the higher term does, then the lower id. */
const outranks = ({ term, from }: ElectionMessage, id: string, ours: number) =>
  term === ours ? from < id : term > ours;
