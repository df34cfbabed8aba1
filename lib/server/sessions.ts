import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { failureFrom } from '../common/errors.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown } from '../common/printable.js';
import { sessionMiddlewares } from '../common/session.js';
import { withinTime } from '../common/time-limit.js';
import { AnsweredByMiddleware, runOnHandshake } from './session-handshake.js';
import { installForHttp } from './session-http.js';

type Decide = (error: string | null, success: boolean) => void;

/** What a client hears that is refused because of its session. */
const UNAVAILABLE = 'Session unavailable';
const REFUSED = 'Refused by a session middleware';

/** The sessions of an application: the middlewares of option `session`, for HTTP and for handshakes. */
export class Sessions {
  constructor(
    private readonly parts: {
      options: () => ResolvedOptions;
      platform: HttpAdapterHost;
      logger: FlaskSocketLogger;
    },
  ) {}

  /** Runs the middlewares for HTTP requests, too. To be called before the application has its routes. */
  installForHttp(): void {
    const { platform, options } = this.parts;
    installForHttp(platform.httpAdapter, sessionMiddlewares(options().session));
  }

  /** Opens the session of a client that wants to connect, once for a connection; refuses it where that fails. */
  readonly allowRequest = (request: IncomingMessage, decide: Decide): void => {
    const { session } = this.parts.options();
    if (!session) return decide(null, true);
    this.#open(request).then(
      () => decide(null, true),
      (error: unknown) => decide(this.#report(error), false),
    );
  };

  #open(request: IncomingMessage): Promise<void> {
    const { session, sessionTimeout } = this.parts.options();
    return withinTime(runOnHandshake(session, request), sessionTimeout, () => late(sessionTimeout));
  }

  #report(error: unknown): string {
    const { logger } = this.parts;
    if (error instanceof AnsweredByMiddleware) {
      logger.warn(`${error.message}: the client is refused.`);
      return REFUSED;
    }
    logger.error(
      `A client is refused: ${describeThrown(failureFrom(error, 'FSK_SESSION_UNAVAILABLE', 'opened'))}`,
    );
    return UNAVAILABLE;
  }
}

const late = (milliseconds: number) => new Error(`no answer within ${milliseconds} ms`);
