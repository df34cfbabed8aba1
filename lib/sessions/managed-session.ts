import type { ClientState } from '../context/connection.js';
import { SessionCopy } from '../context/session-copy.js';
import type { SessionKeeper, SessionUser } from '../context/session-keeper.js';
import type { SessionSource } from './session-source.js';
import { SharedReadings, SessionTurns } from './session-turns.js';

/**
 * The session of a connection (`manageSession: true`): HTTP's, as its store has it, until a handler writes to it or
 * it ends; from then on the connection's own. Source: promise K5.
 */
export class ManagedSession implements SessionKeeper {
  readonly #turns = new SessionTurns();
  readonly #readings = new SharedReadings(() => this.#read());
  #isOwn = false;
  #readAt = Date.now();

  constructor(
    private readonly client: Pick<ClientState, 'session'>,
    private copy: SessionCopy,
    private readonly from: { source: SessionSource; refresh: number },
  ) {}

  open(event: SessionUser): Promise<void> | undefined {
    if (this.#isDue()) return this.#turns.take(this.#readings.read(), (data) => this.#adopt(event, data));
    if (this.#turns.areTaken) return this.#turns.take(Promise.resolve(), () => this.#give(event));
    this.#give(event);
    return undefined;
  }

  skip(): Promise<void> | undefined {
    return this.#turns.areTaken ? this.#turns.take(Promise.resolve(), () => {}) : undefined;
  }

  /** An event that ran while HTTP's changes came in has written to the session before them. */
  close({ sessionCopy }: SessionUser): undefined {
    if (!sessionCopy || sessionCopy === this.copy) return;
    if (this.copy.takeFrom(sessionCopy)) this.#isOwn = true;
  }

  get isOwn(): boolean {
    return (this.#isOwn ||= this.copy.isChanged);
  }

  #isDue(): boolean {
    return !this.isOwn && Date.now() - this.#readAt >= this.from.refresh;
  }

  async #read(): Promise<object | null | undefined> {
    const { source } = this.from;
    const before = this.#readAt;
    this.#readAt = Date.now();
    try {
      return await source.read();
    } catch (error) {
      this.#readAt = before;
      throw error;
    }
  }

  #adopt(event: SessionUser, data: object | null | undefined): void {
    this.#isOwn ||= this.copy.isChanged;
    const now = new SessionCopy(data);
    if (!this.#isOwn && !now.beganAs(this.copy)) this.#replace(now);
    if (!data) this.#isOwn = true;
    this.#give(event);
  }

  #replace(copy: SessionCopy): void {
    this.copy = copy;
    this.client.session = copy.session;
  }

  #give(event: SessionUser): void {
    event.sessionCopy = this.copy;
    event.sessionKeeper = this;
  }
}
