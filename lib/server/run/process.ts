import type { Server as HttpServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { INestApplication } from '@nestjs/common';
import type { Server } from 'socket.io';
import { FlaskSocketError } from '../../common/errors.js';
import type { FlaskSocketOptions } from '../../common/options.js';
import { describeThrown } from '../../common/printable.js';
import { clientsOf } from '../../connection/departure.js';
import { sendToPrimary, workerConnectionId, WorkerConnections, workerUrl } from '../../workers/worker.js';
import { createLog, FlaskSocketConfig } from '../engine-options.js';
import { FlaskSocketRuntime } from '../flask-socket.runtime.js';
import { Shutdown } from '../shutdown.js';

/** How much longer than `shutdownTimeout` closing may take before the process is ended, in milliseconds. */
const EXTRA_TIME = 1_000;

/** How long a process that has closed may take to end by itself, in milliseconds. */
const EXIT_DELAY = 200;

/** On SIGTERM and SIGINT, closes the application and ends the process with code 0. A second SIGINT ends it at once. */
export function endOnSignals(app: INestApplication, afterwards: () => void = () => {}): () => void {
  let ending: Promise<void> | undefined;
  const end = () => void (ending ??= endProcess(app, afterwards));
  let interrupts = 0; // counted: the primary process may have begun the end of a worker before its first SIGINT
  const interrupt = () => (++interrupts > 1 ? process.exit(130) : end());
  process.on('SIGTERM', end).on('SIGINT', interrupt);
  app.get(Shutdown).whenDrained(() => {
    if (!ending) process.off('SIGTERM', end).off('SIGINT', interrupt); // the application was closed without a signal
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
  }, options.shutdownTimeout + EXTRA_TIME).unref();
  try {
    await app.close();
    process.exitCode = 0;
  } catch (error) {
    logger.error(`Error while closing the application: ${describeThrown(error)}`);
    process.exitCode = 1;
  }
  afterwards();
  setTimeout(() => process.exit(), EXIT_DELAY).unref(); // if something keeps the process alive
}

/**
 * Logs a configuration error as one line without a stack, and ends the process with code 1. It does so only if the caller
 * of `run()` does not catch the error. Node decides that in this turn of the event loop; then the listener is removed.
 */
export function endWithOneLine(error: unknown, logger: FlaskSocketOptions['logger']): void {
  if (!(error instanceof FlaskSocketError)) return;
  const end = (thrown: unknown) => {
    if (thrown !== error) process.stderr.write(`${inspect(thrown)}\n`);
    if (logger === false) process.stderr.write(`${error.message}\n`);
    else createLog(() => logger).error(error.message);
    process.exit(1);
  };
  process.prependListener('uncaughtException', end);
  setImmediate(() => process.off('uncaughtException', end));
}

/** Serves the TCP connections that the primary process hands over, instead of listening on a port. */
export async function serveAsWorker(app: INestApplication): Promise<INestApplication> {
  await app.init();
  await (app.getHttpAdapter().getInstance() as { ready?: () => PromiseLike<unknown> }).ready?.(); // Fastify
  const connections = new WorkerConnections(app.getHttpServer() as HttpServer);
  const { server } = app.get(FlaskSocketRuntime);
  const { engine } = server;
  const generateId = engine.generateId.bind(engine);
  engine.generateId = async (request: Parameters<typeof generateId>[0]) =>
    workerConnectionId(await generateId(request));
  const end = endOnSignals(app, () => {
    connections.close();
    process.disconnect?.();
  });
  app.get(Shutdown).closeApplication = async () => {
    sendToPrimary({ fsk: 'stop' }); // stop() ends all workers, not only this one
    await app.close();
  };
  const retire = () => void waitForConnectingClients(server, () => connections.awaitsFirstResponse).then(end);
  const { shutdownTimeout } = app.get(FlaskSocketConfig).options;
  connections.start({ drain: end, retire, shutdownTimeout });
  // Nest's own getUrl() throws, since this process does not listen. Nest's proxy ignores assignments, so define it.
  const getUrl = () => Promise.resolve(workerUrl());
  Object.defineProperty(app, 'getUrl', { value: getUrl, configurable: true, writable: true });
  return app;
}

/** The longest wait for connecting clients, in milliseconds. */
const MAX_WAIT = 2_000;

/** The time between two checks for connecting clients, in milliseconds. */
const POLL_INTERVAL = 20;

/**
 * Resolves when all connecting clients are in a namespace, or after two seconds. `hasNewConnection` says whether there is
 * a TCP connection from which the server has not read a request yet. Source: promise P2.
 */
export async function waitForConnectingClients(
  server: Server,
  hasNewConnection: () => boolean,
): Promise<void> {
  const until = Date.now() + MAX_WAIT;
  while ((hasNewConnection() || isClientConnecting(server)) && Date.now() < until) await delay(POLL_INTERVAL);
}

function isClientConnecting(server: Server): boolean {
  return server.engine.clientsCount > clientsOf(server).size;
}
