import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import { SocketSession } from './socket-session.js';

/** The changed keys of a session: the new value as JSON, or `undefined` for a deleted key. */
export type SessionChanges = ReadonlyMap<string, string | undefined>;

/** Observes writes to a session; `end` is called when its event has ended. */
export interface SessionWatcher extends ProxyHandler<object> {
  end(place: string): void;
}

/** An event's copy of a session, with a snapshot to find changes; changes inside nested values are found, too. */
export class SessionCopy {
  readonly session: SocketSession;
  /** What handlers get as `session`: the copy, behind the watcher's proxy. */
  readonly view: SocketSession;
  #before: SessionChanges;

  constructor(
    data: unknown,
    private readonly watcher?: SessionWatcher,
  ) {
    this.session = SocketSession.from(data);
    this.view = watcher ? new Proxy<SocketSession>(this.session, watcher) : this.session;
    this.#before = snapshot(this.session);
  }

  /** The event has ended, error handlers included: later writes are lost. `place` names its handler. */
  end(place: string): void {
    this.watcher?.end(place);
  }

  get isChanged(): boolean {
    return differences(this.#before, snapshot(this.session)).size > 0;
  }

  /** Whether both copies were made from the same content. */
  startedEqualTo(other: SessionCopy): boolean {
    return differences(this.#before, other.#before).size === 0;
  }

  /** Applies the changes of another copy; returns whether there were any. */
  mergeFrom(other: SessionCopy): boolean {
    const changes = differences(other.#before, snapshot(other.session));
    for (const key of changes.keys()) {
      if (changes.get(key) === undefined) Reflect.deleteProperty(this.session, key);
      else this.session[key] = other.session[key];
    }
    return changes.size > 0;
  }

  /** The changes since the last call, as JSON. Throws for a value that cannot be serialized. */
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

/** Marks a value that JSON cannot represent. No JSON text is empty. */
const UNSERIALIZABLE = '';

function snapshot(session: SocketSession): SessionChanges {
  const values = new Map<string, string>();
  for (const key of Object.keys(session)) {
    if (key === 'cookie') continue; // express-session's own
    const json = toJson(session[key]);
    if (json !== undefined) values.set(key, json);
  }
  return values;
}

function toJson(value: unknown): string | undefined {
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

/** The session fields of an event's request. */
export interface EventSession {
  /** The event's copy; without one, handlers get the connection's session. */
  sessionCopy: SessionCopy | undefined;
  /** Saves the copy when the event ends. */
  sessionKeeper: SessionKeeper | undefined;
}

/** Gives the events of a client their session and saves it to the store. */
export interface SessionKeeper {
  /** Whether the session belongs to the connection alone and is not in the store. */
  readonly isOwn: boolean;
  /** Gives an event its session: at once, or when it has been read and earlier events have theirs. */
  open(event: EventSession): Promise<void> | undefined;
  /** For an event that does not use its session: it only waits for earlier events. */
  skip(): Promise<void> | undefined;
  /** Saves what the event has written; a promise if it goes to the store. */
  close(event: EventSession): Promise<void> | undefined;
}
