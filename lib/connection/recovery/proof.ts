import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { USER_ID, type UserId } from '../../common/address.js';
import type { ClientState, Connection } from '../../context/connection.js';

/** The kinds of proof that a client is the same, the strongest first. */
type Kind = 'identify' | 'session' | 'user' | 'credentials';

export interface ProofOptions {
  /** Whether handlers run before the proof is checked, so that the user they set counts. */
  readonly areHandlersAsked: boolean;
  /** The name of engine.io's cookie, which is ignored: it differs for each connection. */
  readonly engineCookie: string | undefined;
  /** The key of the digests, shared by all processes: it prevents guessing what a digest was made of. */
  readonly secret: string | undefined;
}

/** What is known of a returning client before handlers identify it. */
export interface Claimant {
  readonly credentials: string | undefined;
  readonly session: string | undefined;
}

/**
 * The proof that a returning client must present again, because knowing the private id proves nothing: the strongest of
 * the user's id from option `identify`, the session, `request.user` and the handshake's credentials. It is a digest,
 * because it is stored in the broker. Source: promise N4.
 */
export function proofOf(connection: Connection, options: ProofOptions): string | undefined {
  const { socket } = connection;
  const id = (socket.data as Record<string, unknown>)[USER_ID];
  if (id !== undefined) return digest('identify', `${id as UserId}`, options);
  return (
    proofOfSession(connection.client, options) ?? proofOfUser(connection, options) ?? connection.credentials
  );
}

/** Whether a claimant can still match a proof once handlers and option `identify` have run. */
export function couldMatch(proof: string | undefined, { session, credentials }: Claimant): boolean {
  if (proof === undefined) return false;
  if (isOf('session', proof)) return session === proof;
  if (isOf('credentials', proof)) return credentials === proof;
  return true; // handlers and option `identify` decide
}

/** The proof by the HTTP session that the connection started with, if it had one. */
export function proofOfSession({ sessionKey }: ClientState, options: ProofOptions): string | undefined {
  return sessionKey === undefined ? undefined : digest('session', sessionKey, options);
}

/** The proof by `request.user`. Users without an id may look alike, so their credentials are included. */
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

/** A digest of `auth`, the Authorization header and the cookies. Call it before middlewares, which may change them. */
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
