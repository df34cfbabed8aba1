import type { IncomingMessage } from 'node:http';
import type { Server } from 'socket.io';
import { limitsAreOff } from '../../common/limits.js';
import type { Log } from '../../common/logger.js';
import type { Executor } from '../../dispatch/executor.js';
import type { EngineConnection } from '../../socketio/engine-internals.js';
import { takePosts } from '../../socketio/post-body.js';
import { type BodyProblem, SLOWEST } from '../../socketio/request-body.js';
import type { LimitReports } from './limit-reports.js';

const WHAT: Partial<Record<BodyProblem, string>> = {
  'too slow': `brought less than ${SLOWEST.bytes} bytes in ${SLOWEST.in / 1_000} seconds`,
  'too many pieces': 'came in pieces of a few bytes',
};

/** What clients POST over polling neither stalls the others nor stays open. */
export class PostRequests {
  constructor(
    private readonly parts: {
      limits: Pick<LimitReports, 'limits'>;
      logger: Log;
      executor: Pick<Executor, 'observer'>;
      addressOf(request: IncomingMessage): string | undefined;
    },
  ) {}

  /** Takes the requests of a server's clients, unless all limits are off. */
  watch({ engine }: { engine?: Server['engine'] }): void {
    if (!engine || limitsAreOff(this.parts.limits.limits)) return;
    takePosts(engine, (connection, problem) => this.#cut(connection, problem));
  }

  #cut({ request }: EngineConnection, problem: BodyProblem): void {
    const { executor, logger } = this.parts;
    executor.observer?.eventDropped('post');
    logger.warn(
      `A POST request ${WHAT[problem]}. Its client is disconnected: ${this.parts.addressOf(request)}`,
      `POST ${problem}`,
    );
  }
}
