import type { IncomingMessage } from 'node:http';
import { failureFrom } from '../common/errors.js';
import type { SessionInterface } from '../common/session.js';
import { withinTime } from '../common/thenable.js';

/** A session in its store, read and saved whole. */
export interface SessionSource {
  /**
   * Sessions with the same key may be the same session: their changes are saved one after the other. A text, because
   * it may have to be kept elsewhere; nothing where no cookie says which session it is.
   */
  readonly key: string | undefined;
  /** The session as it is now, or after something else; nothing if it has ended. */
  read(first?: PromiseLike<unknown>): Promise<object | null | undefined>;
  /** Saves what `read()` returned a moment ago, changed since. */
  save(session: object): Promise<void>;
}

type Callback<T> = (error: unknown, value?: T) => void;

/** A store of express-session. */
interface Store {
  get(id: string, done: Callback<object | null>): unknown;
  set(id: string, session: object, done: Callback<void>): unknown;
}

/** What express-session, and what is compatible with it, puts on a request. */
interface WithSession {
  session?: unknown;
  sessionID?: string;
  sessionStore?: Partial<Store>;
}

/** A session as a handshake brought it. */
export interface OpenedSession {
  data: unknown;
  /** Where it is kept on the server; nothing if it is not, or if it began with this handshake. */
  source: SessionSource | undefined;
  /** Whether the sessions of this kind are kept on the server. */
  hasStore: boolean;
}

/** The session that middlewares put on a handshake. */
export function fromMiddlewares(request: IncomingMessage): OpenedSession {
  const { session: data, sessionID: id, sessionStore: store } = request as WithSession;
  if (!store?.get || !store.set || id === undefined)
    return { data, source: undefined, hasStore: data === undefined };
  return {
    data,
    source: isFromCookie(request, id) ? storedBy(store as Store, id) : undefined,
    hasStore: true,
  };
}

/** The session that a `SessionInterface` opens for a handshake. */
export async function fromInterface(
  sessions: SessionInterface,
  request: IncomingMessage,
  platform: unknown,
): Promise<OpenedSession> {
  const data = await sessions.open(request, platform);
  const hasStore = sessions.save !== undefined;
  if (!hasStore || !data) return { data, source: undefined, hasStore };
  const source: SessionSource = {
    key: request.headers.cookie,
    read: async () => sessions.open(request, platform),
    save: async (session) => void (await sessions.save?.(session, request)),
  };
  return { data, source, hasStore: true };
}

/** The same, answering within a time, or failing with a reason that says what was wanted. */
export function bounded(source: SessionSource, milliseconds: number): SessionSource {
  return {
    key: source.key,
    read: (first) => inTime(first ? first.then(() => source.read()) : source.read(), milliseconds, 'read'),
    save: (session) => inTime(source.save(session), milliseconds, 'saved'),
  };
}

/** What a store or a middleware answers in time, or `FSK_SESSION_UNAVAILABLE`. */
export function inTime<T>(answer: PromiseLike<T>, milliseconds: number, wanted: string): Promise<T> {
  const late = () => new Error(`no answer within ${milliseconds} ms`);
  return withinTime(answer, milliseconds, late).catch((error: unknown) => {
    throw failureFrom(error, 'FSK_SESSION_UNAVAILABLE', wanted);
  });
}

/** A session that began with this handshake has an id that no cookie holds: nobody else will ever have it. */
export function isFromCookie({ headers }: IncomingMessage, id: string): boolean {
  return id !== '' && decoded(headers.cookie ?? '').includes(id);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function storedBy(store: Store, id: string): SessionSource {
  return {
    key: id,
    read: () => called<object | null>((done) => store.get(id, done)).catch(notFound),
    save: (session) => called<void>((done) => store.set(id, session, done)),
  };
}

/** Stores on files say so of a session that has ended. */
function notFound(error: unknown): null {
  if ((error as { code?: unknown } | null)?.code === 'ENOENT') return null;
  throw error;
}

/** A store answers through a callback; some throw or reject instead. */
function called<T>(ask: (done: Callback<T>) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const answered = ask((error, value) => (error ? reject(error) : resolve(value)));
    Promise.resolve(answered).catch(reject);
  });
}
