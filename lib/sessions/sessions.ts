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
  bounded,
  fromInterface,
  fromMiddlewares,
  inTime,
  type OpenedSession,
  type SessionSource,
} from './session-source.js';
import { KeyedSerialQueue } from '../common/serial-queue.js';

type Decide = (error: string | null, success: boolean) => void;

/** What a client hears that is refused because of its session. */
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

/** The sessions of an application: opened for handshakes, and kept in step with their store for events. */
export class Sessions {
  readonly #opened = new WeakMap<IncomingMessage, OpenedSession>();
  readonly #writes = new KeyedSerialQueue();
  readonly #said = new Set<string>();

  constructor(
    private readonly parts: {
      options: () => ResolvedOptions;
      platform: HttpAdapterHost;
      logger: Log;
    },
  ) {}

  /** Runs the middlewares for HTTP requests, too. To be called before the application has its routes. */
  installForHttp(): void {
    const { platform, options } = this.parts;
    installForHttp(platform.httpAdapter, sessionMiddlewares(options().session));
  }

  /** Opens the session of a client that wants to connect, once for a connection; refuses it where that fails. */
  readonly allowRequest = (request: IncomingMessage, decide: Decide): void => {
    const { session, sessionTimeout } = this.parts.options();
    if (!session) return decide(null, true);
    inTime(this.#open(request), sessionTimeout, 'opened').then(
      () => decide(null, true),
      (error: unknown) => decide(this.#report(error), false),
    );
  };

  /** What the namespaces of a connection share; made when it is asked for first. */
  of(client: Socket['client']): ClientState {
    return clientStateOf(client, () => this.#begin(client.request));
  }

  #begin(request: IncomingMessage): ClientState {
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
    this.#comment(opened);
  }

  #comment({ data, source, hasStore }: OpenedSession): void {
    const { logger, options } = this.parts;
    if (!source && (hasStore || !data)) this.#once(NO_COOKIE, () => logger.debug?.(NO_COOKIE));
    if (!hasStore && !options().manageSession) this.#once(NO_STORE, () => logger.warn(NO_STORE));
  }

  #once(text: string, say: () => void): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    say();
  }

  #keeperOf(client: ClientState, copy: SessionCopy, unbounded: SessionSource): SessionKeeper | undefined {
    const { manageSession, sessionRefresh, sessionTimeout } = this.parts.options();
    const source = bounded(unbounded, sessionTimeout);
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
    this.#once(`late ${place}`, () => this.parts.logger.warn(lateWrite(place, printable(String(key)))));

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
