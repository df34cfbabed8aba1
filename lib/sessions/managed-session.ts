import type { ClientState } from '../context/connection.js';
import {
  applyChanges,
  type SessionChanges,
  SessionCopy,
  type SessionKeeper,
  type EventSession,
} from '../context/session-copy.js';
import { SocketSession } from '../context/socket-session.js';
import { type LateWrite, LateWrites } from './session-http.js';
import type { SessionSource } from './session-source.js';
import type { KeyedSerialQueue } from '../common/serial-queue.js';
import { SessionTurns, SharedReadings } from './session-turns.js';

/**
 * The session of a connection with `manageSession: true`: a copy of HTTP's session, read again from its store, until a
 * handler writes to it or it ends; then the copy is the connection's own. Source: promise K5.
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

  open(event: EventSession): Promise<void> | undefined {
    if (this.#isDue()) return this.#turns.take(this.#readings.read(), (data) => this.#refresh(event, data));
    const turn = this.#turns.skip(() => this.#provide(event));
    if (!turn) this.#provide(event);
    return turn;
  }

  skip(): Promise<void> | undefined {
    return this.#turns.skip();
  }

  /** Takes over the writes of an event that ran with an older copy, while a newer one was read. */
  close({ sessionCopy }: EventSession): undefined {
    if (!sessionCopy || sessionCopy === this.copy) return;
    if (this.copy.mergeFrom(sessionCopy)) this.#isOwn = true;
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

  #refresh(event: EventSession, data: object | null | undefined): void {
    this.#isOwn ||= this.copy.isChanged;
    const now = new SessionCopy(data);
    if (!this.#isOwn && !now.startedEqualTo(this.copy)) this.#replace(now);
    if (!data) this.#isOwn = true;
    this.#provide(event);
  }

  #replace(copy: SessionCopy): void {
    this.copy = copy;
    this.client.session = copy.session;
  }

  #provide(event: EventSession): void {
    event.sessionCopy = this.copy;
    event.sessionKeeper = this;
  }
}

/**
 * HTTP's own session, with `manageSession: false`: read before each event; the keys that the event has changed are saved
 * to the store. A session that has ended is not saved again: the connection then has an empty one of its own.
 */
export class UnmanagedSession implements SessionKeeper {
  readonly isOwn = false;
  readonly #turns = new SessionTurns();
  #hasEnded = false;

  /** A session without a key is not shared: only its own writes wait for each other. */
  get #key(): unknown {
    return this.from.source.key ?? this;
  }

  constructor(
    private readonly client: Pick<ClientState, 'session'>,
    private readonly from: {
      source: SessionSource;
      writes: KeyedSerialQueue;
      lost: (keys: string[]) => void;
      tooLate: LateWrite;
    },
  ) {}

  open(event: EventSession): Promise<void> | undefined {
    if (this.#hasEnded) return this.skip();
    return this.#turns.take(this.#read(), (data) => this.#provide(event, data));
  }

  /** Reads after the writes of earlier events of the client, so that they are included. */
  #read(): Promise<object | null | undefined> {
    const { source, writes } = this.from;
    const { last } = this.#turns;
    if (!last) return source.read(writes.last(this.#key));
    return source.read(last.then(() => writes.last(this.#key)));
  }

  skip(): Promise<void> | undefined {
    return this.#turns.skip();
  }

  close({ sessionCopy }: EventSession): Promise<void> | undefined {
    const changes = sessionCopy?.takeChanges();
    if (!changes?.size) return undefined;
    return this.from.writes.run(this.#key, () => this.#save(changes)) as Promise<void>;
  }

  #provide(event: EventSession, data: object | null | undefined): void {
    if (this.#hasEnded) return;
    if (!data) return this.#end();
    event.sessionCopy = new SessionCopy(data, new LateWrites(this.from.tooLate));
    event.sessionKeeper = this;
    this.client.session = event.sessionCopy.session;
  }

  #end(): void {
    this.#hasEnded = true;
    this.client.session = new SocketSession();
  }

  async #save(changes: SessionChanges): Promise<void> {
    const { source, lost } = this.from;
    const session = await source.read();
    if (!session) return lost([...changes.keys()]);
    applyChanges(changes, session);
    await source.save(session);
  }
}
