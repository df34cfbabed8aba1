import { ServerResponse, type IncomingMessage } from 'node:http';
import { sessionMiddlewares, type SessionOption } from '../common/session.js';
import { runMiddlewares } from '../socketio/middlewares.js';

type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: Error) => void,
) => unknown;

/** What a middleware refuses a client with: it answered the handshake instead of passing it on. */
export class AnsweredByMiddleware extends Error {
  override readonly name = 'AnsweredByMiddleware';
}

/**
 * Runs the middlewares of option `session` on a handshake. Their response goes nowhere: a handshake starts no session
 * and sets no cookie. Rejects with what a middleware throws, passes to `next`, or answers.
 */
export function runOnHandshake(option: SessionOption | undefined, request: IncomingMessage): Promise<void> {
  const middlewares = sessionMiddlewares(option) as readonly ExpressMiddleware[];
  return new Promise((resolve, reject) => {
    const response = responseTo(request, reject);
    runMiddlewares(
      middlewares.map((middleware) => (next) => middleware(request, response, next)),
      { failed: asError, done: (error) => (error ? reject(error) : resolve()) },
    );
  });
}

function responseTo(request: IncomingMessage, answered: (error: Error) => void): ServerResponse {
  const response = new ServerResponse(request);
  response.end = function end() {
    answered(new AnsweredByMiddleware(`A session middleware answered with ${response.statusCode}`));
    return response;
  };
  return response;
}

const asError = (thrown: unknown) =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
