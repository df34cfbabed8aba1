import type { SessionCopy } from './session-copy.js';

/** An event, as far as its session goes. */
export interface SessionUser {
  /** What its handlers see; without one, the session of its connection. */
  sessionCopy: SessionCopy | undefined;
  /** Where its writes go when it ends. */
  sessionKeeper: SessionKeeper | undefined;
}

/** What stands between the events of a client and the store of its session. */
export interface SessionKeeper {
  /** Whether the session is the connection's own, and not to be found in the store. */
  readonly isOwn: boolean;
  /** Gives an event its session: at once, or when it has been read and all earlier events have theirs. */
  open(event: SessionUser): Promise<void> | undefined;
  /** The event goes without its session; it keeps its turn. */
  skip(): Promise<void> | undefined;
  /** Keeps what the event has written. A promise where that goes to the store. */
  close(event: SessionUser): Promise<void> | undefined;
}
