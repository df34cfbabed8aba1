import type { FlaskSocketLogger } from '../common/logger.js';
import type { Fleet, Word } from './fleet.js';

/** How often it is looked what is to be done, and how often a leader says that it is one; in milliseconds. */
const LOOK = 250;
const RENEWAL = 1_000;

/** A leader whose word has not come back for so long is none any more, in milliseconds… */
export const LEASE = 3_000;

/** …before the others, who have not heard it for longer, elect another. Who comes listens for as long, too. */
export const LAPSE = 4_000;

/** So much later, at random, one of them claims the place: most of the others hear of it before they do. */
const JITTER = 500;

/** A leader that resigns is followed at once, in milliseconds at random. */
const SUCCESSION = 100;

/** How long the others have to object to a claim, once it has come back. */
const OBJECTION = 250;

/** So long after its start a process knows who leads, unless the broker is away; in milliseconds. */
const INTRODUCTION = 8_000;

/** The term that this process has claimed, when, and when that came back. */
interface Claim {
  term: number;
  at: number;
  heardAt?: number;
}

/** The time for which this process leads. */
interface Reign {
  term: number;
  /** When that was said which has come back. */
  confirmedAt: number;
  abort: AbortController;
}

/**
 * One of the processes that take part is the leader, as long as its word goes out and comes back: until it resigns,
 * ends, hangs or loses the broker. It stops before the others elect another, measured by monotonic clocks alone. What
 * that promises, and what not, says docs/decisions/0007-leader.md. Without a message queue this process is all there is.
 */
export class Election {
  #fleet: Fleet | undefined;
  #isAlone = false;
  #participants = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The highest term that is known to have had a leader, and that leader, if it is another process. */
  #term = 0;
  #leader: string | undefined;
  #reign: Reign | undefined;
  #saidAt = 0;
  #claim: Claim | undefined;
  /** When this process may claim the place; never while the broker is away. */
  #claimAt: number | undefined;
  /** Whether this process knows who leads, or nobody has told it for long enough. */
  #isIntroduced = false;
  #introducedAt = Infinity;
  #isClosed = false;
  readonly #waiting = new Set<() => void>();

  constructor(
    private readonly name: string,
    private readonly logger: FlaskSocketLogger,
  ) {}

  /** These are all processes; without a message queue there is only this one. */
  among(fleet: Fleet | 'nobody'): void {
    if (fleet === 'nobody') this.#isAlone = true;
    else this.#fleet = fleet;
    this.#start();
  }

  /** Takes part, until what it returns is called: when nobody here takes part any more, another process leads. */
  enter(): () => void {
    this.#participants++;
    this.#start();
    let isIn = true;
    return () => {
      if (isIn && --this.#participants === 0) this.#stop();
      isIn = false;
    };
  }

  /** Whether this process leads, now: one that hung for a while may not have been told yet that it does not. */
  get leads(): boolean {
    if (this.#fleet && this.#reign && performance.now() - this.#reign.confirmedAt >= LEASE) {
      this.logger.warn(`This process leads "${this.name}" no longer: it hung, or the message queue did.`);
      this.#resign(this.#reign);
    }
    return this.#reign !== undefined;
  }

  /** Whether this process leads; waits, once, until it can be known. */
  async decided(): Promise<boolean> {
    while (!this.leads && !this.#isIntroduced) await this.#changed();
    return this.leads;
  }

  /** Resolves when this process leads, with what is aborted when it does no longer; rejects when `signal` is aborted. */
  async reign(signal: AbortSignal): Promise<AbortSignal> {
    for (;;) {
      signal.throwIfAborted();
      if (this.leads && this.#reign) return this.#reign.abort.signal;
      await this.#changed(signal);
    }
  }

  /** What a process has said, this one included. */
  heard(word: Word): void {
    const fleet = this.#fleet;
    if (!fleet || !this.#timer) return;
    const now = performance.now();
    if (word.from === fleet.id) this.#returned(word, now);
    else if (word.is === 'leads') this.#led(word, fleet);
    else if (word.is === 'resigns') this.#resigned(word, now);
    else if (this.leads) this.#renew();
    else if (!this.#claim || outranks(word, fleet.id, this.#claim.term)) this.#wait(now);
  }

  /** Takes part no longer, for good. */
  close(): void {
    this.#isClosed = this.#isIntroduced = true;
    this.#stop();
  }

  #start(): void {
    if (this.#participants === 0 || this.#isClosed || this.#reign || this.#timer) return;
    if (this.#isAlone) return this.#begin({ term: 1, at: 0 });
    const fleet = this.#fleet;
    if (!fleet) return;
    this.#introducedAt = performance.now() + INTRODUCTION;
    this.#timer = setInterval(() => this.#look(fleet, performance.now()), LOOK).unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#reign) this.#resign(this.#reign);
    this.#claim = this.#claimAt = this.#leader = undefined;
    this.#tellWaiting();
  }

  #look(fleet: Fleet, now: number): void {
    if (now >= this.#introducedAt) this.#isIntroduced = true;
    if (this.leads) {
      if (now - this.#saidAt >= RENEWAL) this.#renew();
    } else if (!fleet.isUp) this.#claim = this.#claimAt = this.#leader = undefined;
    else if (this.#claimAt === undefined) this.#wait(now);
    else this.#stand(now, this.#claimAt);
    this.#tellWaiting();
  }

  /** Becomes the leader if nobody objected to the claim, or claims the place if it is empty. */
  #stand(now: number, claimAt: number): void {
    const { heardAt = Infinity, at = -Infinity } = this.#claim ?? {};
    if (this.#claim && now - heardAt >= OBJECTION && now - at < LEASE) return this.#begin(this.#claim);
    if (now < claimAt) return;
    this.#wait(now);
    this.#claim = { term: this.#term + 1, at: now };
    this.#say('claims', this.#claim);
  }

  /** Claims nothing before the others have had the time to say something. */
  #wait(now: number): void {
    this.#claim = this.#leader = undefined;
    this.#claimAt = now + LAPSE + JITTER * Math.random();
  }

  #returned({ is, term, at }: Word, now: number): void {
    const reign = this.#reign;
    if (is === 'leads' && reign?.term === term)
      reign.confirmedAt = Math.max(reign.confirmedAt, Math.min(at, now));
    if (is === 'claims' && this.#claim?.at === at) this.#claim.heardAt ??= now;
  }

  /** Another one leads. Of two, as after a broker that was parted, one yields. */
  #led(word: Word, { id }: Fleet): void {
    if (this.#reign && !outranks(word, id, this.#reign.term)) return this.#renew();
    this.#wait(performance.now());
    this.#term = Math.max(this.#term, word.term);
    this.#leader = word.from;
    this.#isIntroduced = true;
    if (this.#reign) this.#end(this.#reign, 'another one does');
    this.#tellWaiting();
  }

  /** Not the leader that is known: then it comes late. */
  #resigned({ term, from }: Word, now: number): void {
    const isLate = this.#leader === undefined ? term < this.#term : from !== this.#leader;
    if (this.#reign || isLate) return;
    this.#wait(now);
    this.#term = Math.max(this.#term, term);
    this.#claimAt = now + SUCCESSION * Math.random();
  }

  #renew(): void {
    this.#saidAt = performance.now();
    if (this.#reign) this.#say('leads', { term: this.#reign.term, at: this.#saidAt });
  }

  #say(is: Word['is'], { term, at }: Claim): void {
    this.#fleet?.tell({ is, name: this.name, from: this.#fleet.id, term, at });
  }

  #begin({ term, at }: Claim): void {
    this.#reign = { term, confirmedAt: at, abort: new AbortController() };
    this.#term = term;
    this.#claim = this.#claimAt = this.#leader = undefined;
    this.#isIntroduced = true;
    if (this.#fleet) this.logger.log(`This process leads "${this.name}".`);
    this.#renew();
    this.#tellWaiting();
  }

  #resign(reign: Reign): void {
    this.#say('resigns', { term: reign.term, at: reign.confirmedAt });
    this.#end(reign, 'it has resigned');
  }

  #end(reign: Reign, why: string): void {
    this.#reign = undefined;
    reign.abort.abort(new Error(`This process leads "${this.name}" no longer: ${why}.`));
  }

  #tellWaiting(): void {
    for (const tell of this.#waiting) tell();
  }

  /** Resolves when something may have changed, or the signal is aborted. */
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

/** Whether what another one says counts for more than this process: the higher term, then the lower id. */
const outranks = ({ term, from }: Word, id: string, ours: number) =>
  term === ours ? from < id : term > ours;
