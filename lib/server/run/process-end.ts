import { inspect } from 'node:util';
import type { INestApplication } from '@nestjs/common';
import { FlaskSocketError } from '../../common/errors.js';
import type { FlaskSocketOptions } from '../../common/options.js';
import { describeThrown } from '../../common/printable.js';
import { FlaskSocketConfig, logTo } from '../engine-options.js';
import { Shutdown } from '../shutdown.js';

/** What closing may take longer than `shutdownTimeout`, and what a process may take to end by itself, in milliseconds. */
const GRACE = 1_000;
const LAST_WORDS = 200;

/** Ends the process with code 0 on SIGTERM and SIGINT, after the application; at once on the second SIGINT. */
export function endOnSignals(app: INestApplication, afterwards: () => void = () => {}): () => void {
  let ending: Promise<void> | undefined;
  const end = () => void (ending ??= endProcess(app, afterwards));
  let interrupts = 0; // a worker may have been told to end already: the first is not the second one, then
  const interrupt = () => (++interrupts > 1 ? process.exit(130) : end());
  process.on('SIGTERM', end).on('SIGINT', interrupt);
  app.get(Shutdown).whenDrained(() => {
    if (!ending) process.off('SIGTERM', end).off('SIGINT', interrupt); // closed by itself: nothing is left to end
  });
  return end;
}

async function endProcess(app: INestApplication, afterwards: () => void): Promise<void> {
  const { logger, options } = app.get(FlaskSocketConfig);
  setTimeout(() => {
    logger.error(
      'The application did not close in time: a shutdown hook of it still runs. The process ends now.',
    );
    process.exit(1);
  }, options.shutdownTimeout + GRACE).unref();
  try {
    await app.close();
    process.exitCode = 0;
  } catch (error) {
    logger.error(`Error while closing the application: ${describeThrown(error)}`);
    process.exitCode = 1;
  }
  afterwards();
  setTimeout(() => process.exit(), LAST_WORDS).unref(); // for what still keeps the process alive
}

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
