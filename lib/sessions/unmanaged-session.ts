import type { ClientState } from '../context/connection.js';
import { applyChanges, SessionCopy, type SessionChanges } from '../context/session-copy.js';
import type { SessionKeeper, SessionUser } from '../context/session-keeper.js';
import { SocketSession } from '../context/socket-session.js';
import { LateWrites, type LateWrite } from './late-writes.js';
import type { OneAfterAnother } from './one-after-another.js';
import type { SessionSource } from './session-source.js';
import { SessionTurns } from './session-turns.js';

/**
 * HTTP's own session (`manageSession: false`): read before each event, and what the event has written goes back to the
 * store, key by key. One that has ended is not brought back: the connection then has an empty one of its own.
 */
export class UnmanagedSession implements SessionKeeper {
  readonly isOwn = false;
  readonly #turns = new SessionTurns();
  #hasEnded = false;

  /** Without a key it is nobody else's: only its own changes wait for each other. */
  get #key(): unknown {
    return this.from.source.key ?? this;
  }

  constructor(
    private readonly client: Pick<ClientState, 'session'>,
    private readonly from: {
      source: SessionSource;
      writes: OneAfterAnother;
      lost: (keys: string[]) => void;
      tooLate: LateWrite;
    },
  ) {}

  open(event: SessionUser): Promise<void> | undefined {
    if (this.#hasEnded) return this.skip();
    return this.#turns.take(this.#read(), (data) => this.#give(event, data));
  }

  /** After earlier events of the client have written what they write at once, so that it is seen. */
  #read(): Promise<object | null | undefined> {
    const { source, writes } = this.from;
    const { last } = this.#turns;
    if (!last) return source.read(writes.last(this.#key));
    return source.read(last.then(() => writes.last(this.#key)));
  }

  skip(): Promise<void> | undefined {
    return this.#turns.areTaken ? this.#turns.take(Promise.resolve(), () => {}) : undefined;
  }

  close({ sessionCopy }: SessionUser): Promise<void> | undefined {
    const changes = sessionCopy?.takeChanges();
    if (!changes?.size) return undefined;
    return this.from.writes.run(this.#key, () => this.#save(changes));
  }

  #give(event: SessionUser, data: object | null | undefined): void {
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
