import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { USER_ID, type UserId } from '../../common/address.js';
import type { ClientState, Connection } from '../../context/connection.js';

/** What proves whose a connection is, the strongest first. */
type Kind = 'identify' | 'session' | 'user' | 'credentials';

/** How proofs are taken. */
export interface ProofOptions {
  /** Whether handlers are asked before: what they say about the user counts. */
  readonly areHandlersAsked: boolean;
  /** The name of the engine's own cookie: it is another one for each connection. */
  readonly engineCookie: string | undefined;
  /** What the processes share: without it nobody can try what a digest was made of. */
  readonly secret: string | undefined;
}

/** Who asks for what was kept, before anybody has said who it is. */
export interface Claimant {
  readonly credentials: string | undefined;
  readonly session: string | undefined;
}

/**
 * What a client that comes back has to prove again, because to know a private id proves nothing: the strongest of the
 * user's id from option `identify`, the session, `request.user`, and what it connected with. Only a digest, because
 * it is kept where others may look. Source: promise N4.
 */
export function proofOf(connection: Connection, options: ProofOptions): string | undefined {
  const { socket } = connection;
  const id = (socket.data as Record<string, unknown>)[USER_ID];
  if (id !== undefined) return digest('identify', `${id as UserId}`, options);
  return (
    proofOfSession(connection.client, options) ?? proofOfUser(connection, options) ?? connection.credentials
  );
}

/** Whether a claimant may still turn out to be the one that a proof was taken of, when all have been asked. */
export function mayBecome(proof: string | undefined, { session, credentials }: Claimant): boolean {
  if (proof === undefined) return false;
  if (isOf('session', proof)) return session === proof;
  if (isOf('credentials', proof)) return credentials === proof;
  return true; // handlers and option `identify` say who it is
}

/** Which session of the HTTP side a connection began with, if with one. */
export function proofOfSession({ sessionKey }: ClientState, options: ProofOptions): string | undefined {
  return sessionKey === undefined ? undefined : digest('session', sessionKey, options);
}

/** A user without an id of its own may look like another one: what it connected with has to be the same, too. */
function proofOfUser({ client, socket, credentials }: Connection, options: ProofOptions): string | undefined {
  const { user: ofRequest } = socket.request as { user?: unknown };
  const user = options.areHandlersAsked && 'user' in client ? client.user : ofRequest;
  if (user === undefined || user === null) return undefined;
  try {
    const { id } = user as { id?: unknown };
    if (typeof id === 'string' || typeof id === 'number')
      return digest('user', JSON.stringify({ id }), options);
    return credentials && digest('user', JSON.stringify([user, credentials]), options);
  } catch {
    return undefined; // it cannot be compared
  }
}

/**
 * What a client passed as `auth`, and the headers that browsers and others prove themselves with. To be asked for
 * before any middleware, which may change them.
 */
export function credentialsOf(
  { auth: sent, request }: { auth: object; request: IncomingMessage },
  options: ProofOptions,
): string | undefined {
  const auth = Object.entries(sent).filter(([key]) => key !== 'pid' && key !== 'offset'); // the recovery's own
  const { authorization, cookie } = request.headers;
  const cookies = (cookie ?? '')
    .split(/; */)
    .filter((one) => one !== '' && !one.startsWith(`${options.engineCookie}=`));
  if (auth.length === 0 && !authorization && cookies.length === 0) return undefined;
  return digest('credentials', JSON.stringify([auth, authorization, cookies]), options);
}

function digest(kind: Kind, value: string, { secret }: ProofOptions): string {
  const hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  return `${kind}:${hash.update(value).digest('base64url')}`;
}

const isOf = (kind: Kind, proof: string) => proof.startsWith(`${kind}:`);
