import { inspect } from 'node:util';
import { FlaskSocketError } from '../../common/errors.js';
import type { FlaskSocketOptions } from '../../common/options.js';
import { logTo } from '../flask-socket.config.js';

/**
 * Lets a mistake in the set-up that nobody catches (`void run(AppModule)`, `await run(AppModule)`) end the process with
 * one line and code 1: its sentence says what to do, a stack does not. What is caught is the caller's. Node decides
 * about that in this turn of the event loop, so nothing stays behind.
 */
export function endWithOneLine(error: unknown, logger: FlaskSocketOptions['logger']): void {
  if (!(error instanceof FlaskSocketError)) return;
  const end = (thrown: unknown) => {
    if (thrown !== error) process.stderr.write(`${inspect(thrown)}\n`);
    if (logger === false) process.stderr.write(`${error.message}\n`);
    else logTo(() => logger).error(error.message);
    process.exit(1);
  };
  process.prependListener('uncaughtException', end);
  setImmediate(() => process.off('uncaughtException', end));
}
