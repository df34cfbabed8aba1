import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import type { Socket } from 'socket.io';
import type { Log } from '../common/logger.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { sessionInterface, sessionMiddlewares } from '../common/session.js';
import type { ClientState } from '../context/connection.js';
import { SessionCopy, type SessionKeeper } from '../context/session-copy.js';
import { SocketSession } from '../context/socket-session.js';
import { clientStateOf } from '../socketio/socket-internals.js';
import { ManagedSession, UnmanagedSession } from './managed-session.js';
import { AnsweredByMiddleware, installForHttp, type LateWrite, runOnHandshake } from './session-http.js';
import {
  withTimeouts,
  fromInterface,
  fromMiddlewares,
  withSessionTimeout,
  type OpenedSession,
  type SessionSource,
} from './session-source.js';
import { KeyedSerialQueue } from '../common/serial-queue.js';

type Decide = (error: string | null, success: boolean) => void;

/** The errors of clients that are refused because of their session. */
const UNAVAILABLE = 'Session unavailable';
const REFUSED = 'Refused by a session middleware';

const NO_COOKIE =
  'A client connected without a session: no cookie of one came with it. If there should be one, the page has to be ' +
  'opened at the host that it connects to (127.0.0.1 is not localhost), and pages of other origins need ' +
  'withCredentials. Said once.';
const NO_STORE =
  'manageSession: false needs a store on the server, and option session keeps its sessions in cookies, which an ' +
  'event cannot write. Handlers have a copy of their own, as with manageSession: true.';

const lateWrite = (place: string, key: string) =>
  `${place} wrote ${key} to its session after it had ended: the write is lost. With manageSession: false a session is ` +
  'saved when its handler ends. Await what writes to it, or let an event of its own write. Said once for each handler.';

/** The sessions of an application: opened for handshakes, read and saved for events. */
export class Sessions {
  readonly #opened = new WeakMap<IncomingMessage, OpenedSession>();
  readonly #writes = new KeyedSerialQueue();
  readonly #logged = new Set<string>();

  constructor(
    private readonly parts: {
      options: () => ResolvedOptions;
      platform: HttpAdapterHost;
      logger: Log;
    },
  ) {}

  /** Runs the middlewares for HTTP requests, too. Must be called before the application registers routes. */
  installForHttp(): void {
    const { platform, options } = this.parts;
    installForHttp(platform.httpAdapter, sessionMiddlewares(options().session));
  }

  /** Opens the session of a handshake, once for a connection; refuses the client if that fails. */
  readonly allowRequest = (request: IncomingMessage, decide: Decide): void => {
    const { session, sessionTimeout } = this.parts.options();
    if (!session) return decide(null, true);
    withSessionTimeout(this.#open(request), sessionTimeout, 'opened').then(
      () => decide(null, true),
      (error: unknown) => decide(this.#report(error), false),
    );
  };

  /** The state that the namespaces of a connection share, made on first use. */
  of(client: Socket['client']): ClientState {
    return clientStateOf(client, () => this.#createState(client.request));
  }

  #createState(request: IncomingMessage): ClientState {
    const opened = this.#opened.get(request);
    if (!opened) return { session: SocketSession.from((request as { session?: unknown }).session) };
    const copy = new SessionCopy(opened.data);
    const client: ClientState = { session: copy.session, sessionKey: opened.source?.key };
    client.keeper = opened.source && this.#keeperOf(client, copy, opened.source);
    return client;
  }

  async #open(request: IncomingMessage): Promise<void> {
    const { session } = this.parts.options();
    const sessions = sessionInterface(session);
    if (!sessions) await runOnHandshake(session, request);
    const platform: unknown = this.parts.platform.httpAdapter?.getInstance?.();
    const opened = sessions ? await fromInterface(sessions, request, platform) : fromMiddlewares(request);
    this.#opened.set(request, opened);
    this.#logMissing(opened);
  }

  #logMissing({ data, source, hasStore }: OpenedSession): void {
    const { logger, options } = this.parts;
    if (!source && (hasStore || !data)) this.#logOnce(NO_COOKIE, () => logger.debug?.(NO_COOKIE));
    if (!hasStore && !options().manageSession) this.#logOnce(NO_STORE, () => logger.warn(NO_STORE));
  }

  #logOnce(text: string, say: () => void): void {
    if (this.#logged.has(text)) return;
    this.#logged.add(text);
    say();
  }

  #keeperOf(client: ClientState, copy: SessionCopy, unbounded: SessionSource): SessionKeeper | undefined {
    const { manageSession, sessionRefresh, sessionTimeout } = this.parts.options();
    const source = withTimeouts(unbounded, sessionTimeout);
    if (!manageSession)
      return new UnmanagedSession(client, {
        source,
        writes: this.#writes,
        lost: this.#lost,
        tooLate: this.#tooLate,
      });
    return sessionRefresh === Infinity ? undefined : new ManagedSession(client, copy, { source, refresh: sessionRefresh }); // prettier-ignore
  }

  readonly #tooLate: LateWrite = (place, key) =>
    this.#logOnce(`late ${place}`, () => this.parts.logger.warn(lateWrite(place, printable(String(key)))));

  readonly #lost = (keys: readonly string[]): void => {
    const names = keys.map(printable).join(', ');
    this.parts.logger.debug?.(
      `A session ended while an event wrote to it; not brought back for ${names}.`,
      'lost sessions',
    );
  };

  #report(error: unknown): string {
    const { cause } = error as Error;
    if (!(cause instanceof AnsweredByMiddleware)) {
      this.parts.logger.error(
        `A client is refused: ${describeThrown(error)}`,
        `session ${nameOfThrown(cause)}`,
      );
      return UNAVAILABLE;
    }
    this.parts.logger.warn(`${cause.message}: the client is refused.`, 'refused by middleware');
    return REFUSED;
  }
}
