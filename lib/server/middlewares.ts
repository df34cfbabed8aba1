import type { Socket } from 'socket.io';
import type { FlaskSocketLogger } from '../common/logger.js';
import { INTERNAL_ERROR } from '../common/constants.js';
import { describeThrown, printable } from '../common/printable.js';
import { middlewaresOf, type NamespaceMiddleware } from '../context/socket-internals.js';

type Done = (error?: Error) => void;

/**
 * Runs a namespace's middlewares (`namespace.use`), each at most once. What one passes to `next` goes to the
 * client, as in socket.io; what one throws, now or later, is logged, and the client hears that something failed.
 */
export function runMiddlewares(socket: Socket, logger: FlaskSocketLogger, done: Done): void {
  const [first, ...rest] = middlewaresOf(socket.nsp);
  runFrom(first, rest, { socket, logger, done });
}

function runFrom(
  middleware: NamespaceMiddleware | undefined,
  [following, ...rest]: readonly NamespaceMiddleware[],
  around: { socket: Socket; logger: FlaskSocketLogger; done: Done },
): void {
  const { socket, logger, done } = around;
  if (!middleware) return done();
  let called = false;
  const next: Done = (error) => {
    if (called) return;
    called = true;
    if (error) done(error);
    else runFrom(following, rest, around);
  };
  const failed = (error: unknown) => {
    logger.error(`Error in a middleware of ${printable(socket.nsp.name)}: ${describeThrown(error)}`);
    next(new Error(INTERNAL_ERROR));
  };
  attempt(() => middleware(socket, next), failed);
}

function attempt(run: () => unknown, failed: (error: unknown) => void): void {
  try {
    Promise.resolve(run()).catch(failed);
  } catch (error) {
    failed(error);
  }
}
