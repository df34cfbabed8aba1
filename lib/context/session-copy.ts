import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import { SocketSession } from './socket-session.js';

/** What was written: each key's value as JSON, or `undefined` where the key was deleted. */
export type SessionChanges = ReadonlyMap<string, string | undefined>;

/** Told of what is written to a session, and of its event's end. */
export interface SessionWatcher extends ProxyHandler<object> {
  end(place: string): void;
}

/** A session as handlers see it, and what it was when they got it. Writes deep inside a value count as writes. */
export class SessionCopy {
  readonly session: SocketSession;
  /** The session as its event sees it. */
  readonly seen: SocketSession;
  #before: SessionChanges;

  constructor(
    data: unknown,
    private readonly watcher?: SessionWatcher,
  ) {
    this.session = SocketSession.from(data);
    this.seen = watcher ? new Proxy<SocketSession>(this.session, watcher) : this.session;
    this.#before = snapshot(this.session);
  }

  /** The event is over, its error handlers included: what is written from now on is lost. `place`: its handler. */
  end(place: string): void {
    this.watcher?.end(place);
  }

  /** Whether handlers have written to it. */
  get isChanged(): boolean {
    return differences(this.#before, snapshot(this.session)).size > 0;
  }

  /** Whether it began as the other did. */
  beganAs(other: SessionCopy): boolean {
    return differences(this.#before, other.#before).size === 0;
  }

  /** Takes over what handlers have written to another copy, and says whether they have. */
  takeFrom(other: SessionCopy): boolean {
    const changes = differences(other.#before, snapshot(other.session));
    for (const key of changes.keys()) {
      if (changes.get(key) === undefined) Reflect.deleteProperty(this.session, key);
      else this.session[key] = other.session[key];
    }
    return changes.size > 0;
  }

  /** What handlers have written since the last time, as a store can take it. Throws what it cannot. */
  takeChanges(): SessionChanges {
    const now = snapshot(this.session);
    const changes = differences(this.#before, now);
    this.#before = now;
    for (const [key, json] of changes)
      if (json === UNSERIALIZABLE) throw failure('FSK_SESSION_NOT_SERIALIZABLE', printable(key));
    return changes;
  }
}

/** Writes changes into a session. */
export function applyChanges(changes: SessionChanges, session: object): void {
  for (const [key, json] of changes) {
    if (json === undefined) Reflect.deleteProperty(session, key);
    else Reflect.set(session, key, JSON.parse(json));
  }
}

/** Stands for what JSON cannot say. No JSON is equal to it. */
const UNSERIALIZABLE = '';

function snapshot(session: SocketSession): SessionChanges {
  const values = new Map<string, string>();
  for (const key of Object.keys(session)) {
    if (key === 'cookie') continue; // express-session's own
    const json = jsonOf(session[key]);
    if (json !== undefined) values.set(key, json);
  }
  return values;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return UNSERIALIZABLE;
  }
}

function differences(before: SessionChanges, now: SessionChanges): SessionChanges {
  const changes = new Map<string, string | undefined>();
  for (const [key, json] of now) if (before.get(key) !== json) changes.set(key, json);
  for (const key of before.keys()) if (!now.has(key)) changes.set(key, undefined);
  return changes;
}

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
