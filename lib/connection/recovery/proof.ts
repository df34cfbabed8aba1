import { createHash } from 'node:crypto';
import { USER_ID, type UserId } from '../../common/user-room.js';
import type { Connection } from '../../context/connection.js';

/** What proves whose a connection is, the strongest first. */
type Kind = 'identify' | 'session' | 'user' | 'credentials';

/** How a proof is taken. */
export interface ProofOptions {
  /** Whether handlers are asked before: what they say about the user counts. */
  readonly areHandlersAsked: boolean;
}

/**
 * What a client that comes back has to prove again, because to know a private id proves nothing: the strongest of the
 * user's id from option `identify`, the session, `request.user`, and what it connected with. Only a digest, because
 * it is kept where others may look. Source: promise N4.
 */
export function proofOf(connection: Connection, options: ProofOptions): string | undefined {
  const { socket } = connection;
  const id = (socket.data as Record<string, unknown>)[USER_ID];
  if (id !== undefined) return digest('identify', `${id as UserId}`);
  return proofOfSession(connection) ?? proofOfUser(connection, options) ?? connection.credentials;
}

/** Whether a connection may still turn out to be the one that a proof was taken of, when all have been asked. */
export function mayBecome(proof: string | undefined, connection: Connection): boolean {
  if (proof === undefined) return false;
  if (isOf('session', proof)) return proofOfSession(connection) === proof;
  if (isOf('credentials', proof)) return connection.credentials === proof;
  return true; // handlers and option `identify` say who it is
}

/** Which session of the HTTP side a connection began with, if with one. */
export function proofOfSession({ client: { sessionKey } }: Connection): string | undefined {
  return sessionKey === undefined ? undefined : digest('session', sessionKey);
}

/** A user without an id of its own may look like another one: what it connected with has to be the same, too. */
function proofOfUser({ client, socket, credentials }: Connection, options: ProofOptions): string | undefined {
  const { user: ofRequest } = socket.request as { user?: unknown };
  const user = options.areHandlersAsked && 'user' in client ? client.user : ofRequest;
  if (user === undefined || user === null) return undefined;
  try {
    const { id } = user as { id?: unknown };
    if (typeof id === 'string' || typeof id === 'number') return digest('user', JSON.stringify({ id }));
    return credentials && digest('user', JSON.stringify([user, credentials]));
  } catch {
    return undefined; // it cannot be compared
  }
}

/**
 * What a client passed as `auth`, and the headers that browsers and others prove themselves with. To be asked for
 * before any middleware, which may change them. `engineCookie` is the engine's own, another one for each connection.
 */
export function credentialsOf({ socket }: Connection, engineCookie: string | undefined): string | undefined {
  const { auth: sent } = socket.handshake;
  const auth = Object.entries(sent).filter(([key]) => key !== 'pid' && key !== 'offset'); // the recovery's own
  const { authorization, cookie } = socket.request.headers;
  const cookies = (cookie ?? '')
    .split(/; */)
    .filter((one) => one !== '' && !one.startsWith(`${engineCookie}=`));
  if (auth.length === 0 && !authorization && cookies.length === 0) return undefined;
  return digest('credentials', JSON.stringify([auth, authorization, cookies]));
}

function digest(kind: Kind, value: string): string {
  return `${kind}:${createHash('sha256').update(value).digest('base64url')}`;
}

const isOf = (kind: Kind, proof: string) => proof.startsWith(`${kind}:`);
