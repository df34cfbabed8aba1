import { LIMIT_NAMES, type LimitName, type ResolvedLimits } from '../../common/limits.js';
import type { Log } from '../../common/logger.js';
import type { Executor } from '../../dispatch/executor.js';

/** A limit is logged for one client once in this time. */
const MINUTE = 60_000;

/** Something that a limit acted against. */
export interface Offence {
  /** Who is logged once a minute: the client's engine connection, or an address. */
  by: object | string;
  /** What happened and who it was, for the log; text of clients is made printable by the caller. */
  what: string;
}

/** The limits of a server, and what they did: counted, logged once per client and minute. */
export class LimitReports {
  /** How often each limit acted. */
  readonly counts = Object.fromEntries(LIMIT_NAMES.map((name) => [name, 0])) as Record<LimitName, number>;
  readonly #loggedClients = new WeakMap<object, Map<LimitName, number>>();
  /** What was logged in the current minute of those who have no connection yet. */
  readonly #loggedAddresses = new Set<string>();
  #addressesSince = 0;

  constructor(
    private readonly parts: {
      limits: () => ResolvedLimits;
      logger: Log;
      executor: Pick<Executor, 'observer'>;
    },
  ) {}

  /** The limits; `Infinity` is none. */
  get limits(): ResolvedLimits {
    return this.parts.limits();
  }

  /** Counts what a limit did, and logs it. */
  reached(limit: LimitName, { by, what }: Offence): void {
    this.counts[limit]++;
    this.parts.executor.observer?.limitReached(limit);
    const isNew = typeof by === 'string' ? this.#isNewAddress(`${limit} ${by}`) : this.#isNewFor(by, limit);
    if (isNew) this.parts.logger.warn(`${what} (limits.${limit}: ${this.limits[limit]})`, `limits.${limit}`);
  }

  #isNewFor(client: object, limit: LimitName): boolean {
    const now = performance.now();
    const logged = this.#loggedClients.get(client) ?? new Map<LimitName, number>();
    if (now - (logged.get(limit) ?? -Infinity) < MINUTE) return false;
    this.#loggedClients.set(client, logged.set(limit, now));
    return true;
  }

  #isNewAddress(key: string): boolean {
    const now = performance.now();
    if (now - this.#addressesSince >= MINUTE) {
      this.#addressesSince = now;
      this.#loggedAddresses.clear();
    }
    if (this.#loggedAddresses.has(key) || this.#loggedAddresses.size >= MOST_ADDRESSES) return false;
    this.#loggedAddresses.add(key);
    return true;
  }
}

/** So many addresses are logged in a minute: no more lines than that are written anyway. */
const MOST_ADDRESSES = 1_000;
