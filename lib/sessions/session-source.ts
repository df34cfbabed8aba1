import type { IncomingMessage } from 'node:http';
import { failureFrom } from '../common/errors.js';
import type { SessionInterface } from '../common/session.js';
import { withTimeout } from '../common/thenable.js';

/** A session in its store, read and saved whole. */
export interface SessionSource {
  /**
   * Sessions with the same key may be the same one: their changes are saved in order. A text, because it may be stored;
   * `undefined` if no cookie names the session.
   */
  readonly key: string | undefined;
  /** Reads the session, after `first` has settled; resolves with nothing if it has ended. */
  read(first?: PromiseLike<unknown>): Promise<object | null | undefined>;
  /** Saves a session that `read()` has just returned, with changes. */
  save(session: object): Promise<void>;
}

type Callback<T> = (error: unknown, value?: T) => void;

/** A store of express-session. */
interface Store {
  get(id: string, done: Callback<object | null>): unknown;
  set(id: string, session: object, done: Callback<void>): unknown;
}

/** The properties that express-session and compatible middlewares set on a request. */
interface WithSession {
  session?: unknown;
  sessionID?: string;
  sessionStore?: Partial<Store>;
}

/** The session of a handshake. */
export interface OpenedSession {
  data: unknown;
  /** Its store; `undefined` if there is none, or if the session began with this handshake. */
  source: SessionSource | undefined;
  /** Whether sessions of this kind have a store on the server. */
  hasStore: boolean;
}

/** The session that middlewares have set on a handshake. */
export function fromMiddlewares(request: IncomingMessage): OpenedSession {
  const { session: data, sessionID: id, sessionStore: store } = request as WithSession;
  if (!store?.get || !store.set || id === undefined)
    return { data, source: undefined, hasStore: data === undefined };
  return {
    data,
    source: isFromCookie(request, id) ? sourceOf(store as Store, id) : undefined,
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

/** The same source; reads and saves that take too long reject with `FSK_SESSION_UNAVAILABLE`. */
export function withTimeouts(source: SessionSource, milliseconds: number): SessionSource {
  return {
    key: source.key,
    read: (first) =>
      withSessionTimeout(first ? first.then(() => source.read()) : source.read(), milliseconds, 'read'),
    save: (session) => withSessionTimeout(source.save(session), milliseconds, 'saved'),
  };
}

/** Rejects with `FSK_SESSION_UNAVAILABLE` if a store or a middleware fails or takes too long. */
export function withSessionTimeout<T>(
  answer: PromiseLike<T>,
  milliseconds: number,
  wanted: string,
): Promise<T> {
  const late = () => new Error(`no answer within ${milliseconds} ms`);
  return withTimeout(answer, milliseconds, late).catch((error: unknown) => {
    throw failureFrom(error, 'FSK_SESSION_UNAVAILABLE', wanted);
  });
}

/** Whether a cookie names the session. If not, it began with this handshake and no other request will have it. */
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

function sourceOf(store: Store, id: string): SessionSource {
  return {
    key: id,
    read: () => fromCallback<object | null>((done) => store.get(id, done)).catch(notFound),
    save: (session) => fromCallback<void>((done) => store.set(id, session, done)),
  };
}

/** File stores fail with ENOENT for a session that has ended. */
function notFound(error: unknown): null {
  if ((error as { code?: unknown } | null)?.code === 'ENOENT') return null;
  throw error;
}

/** A store answers through a callback; some throw or reject instead. */
function fromCallback<T>(ask: (done: Callback<T>) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const answered = ask((error, value) => (error ? reject(error) : resolve(value)));
    Promise.resolve(answered).catch(reject);
  });
}
