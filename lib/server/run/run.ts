import { availableParallelism } from 'node:os';
import type { INestApplication, NestApplicationOptions, Type } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { failure } from '../../common/errors.js';
import { listenFailure } from '../../common/listen-failure.js';
import type { FlaskSocketOptions } from '../../common/options.js';
import { printableValue } from '../../common/printable.js';
import { runPrimary } from '../../workers/primary.js';
import { isWorker } from '../../workers/worker.js';
import { createLog, FlaskSocketConfig } from '../engine-options.js';
import { findProvider } from '../flask-socket.runtime.js';
import { Shutdown } from '../shutdown.js';
import { endOnSignals, endWithOneLine, serveAsWorker } from './process.js';

/** Options of `run()`: where to listen, how to create the application, and all options of `forRoot()`. */
export interface RunOptions extends FlaskSocketOptions {
  /** The address to listen on. Default: `HOST` of the environment, else 127.0.0.1. */
  host?: string;
  /** The port to listen on; 0 takes a free one. Default: `PORT` of the environment, else 5000. */
  port?: number;
  /**
   * How many processes serve the port; `'auto'` is one for each core. They act as one server and need no message queue.
   * @default `WORKERS` of the environment, else this process alone
   * @see docs/deployment.md#workers
   */
  workers?: Workers;
  /** The HTTP platform, for example `new FastifyAdapter()`. Default: Express. */
  adapter?: AbstractHttpAdapter;
  /** Options for `NestFactory.create()`. */
  nest?: NestApplicationOptions;
}

const NO_TLS =
  "cannot be used with httpsOptions: the workers' one port speaks HTTP. Let a balancer end TLS before it";

/**
 * Creates the application and listens. On SIGTERM and SIGINT it closes the application gracefully, and the process ends
 * with exit code 0. Options given here override those of `forRoot()`; both override `HOST`, `PORT`, `MESSAGE_QUEUE` and
 * `WORKERS` of the environment. Resolves with the Nest application once it listens. With `workers` it resolves in each
 * worker, and never in the primary process. A configuration error that nobody catches is logged as one line, and the
 * process ends with code 1.
 *
 * @throws FSK_CANNOT_LISTEN where the port is taken
 * @see docs/getting-started.md#run
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { FlaskSocketModule, run } from 'nestjs-flask-socket';
 *
 * @Module({ imports: [FlaskSocketModule.forRoot()] })
 * class AppModule {}
 *
 * void run(AppModule, { port: 5000, workers: 'auto' });
 * ```
 */
export async function run(module: Type, options: RunOptions = {}): Promise<INestApplication> {
  try {
    const environment = readEnvironment(process.env);
    const { workers = environment.workers } = options;
    if (workers !== undefined && !isWorker())
      return await runPrimary(primaryOptions(options, environment, workers));
    return await serve(module, options, environment);
  } catch (error) {
    endWithOneLine(error, options.logger);
    throw error;
  }
}

async function serve(module: Type, options: RunOptions, environment: Environment): Promise<INestApplication> {
  const { host = environment.host, port = environment.port, adapter, nest, workers: _, ...own } = options;
  const app = adapter
    ? await NestFactory.create(module, adapter, nest)
    : await NestFactory.create(module, nest);
  const config = requireConfig(app, module);
  config.merge(own);
  const messageQueue = environment.messageQueue ?? (isWorker() ? 'workers://' : undefined);
  if (config.options.messageQueue === undefined) config.merge({ messageQueue });
  app.get(Shutdown).closeApplication = () => app.close();
  if (isWorker()) return await serveAsWorker(app);
  endOnSignals(app);
  await listen(app, { port: port ?? 5000, host: host ?? '127.0.0.1' });
  return app;
}

/** Closes an application that cannot listen, so that nothing of it keeps the process alive. */
async function listen(app: INestApplication, address: { port: number; host: string }): Promise<void> {
  try {
    await app.listen(address.port, address.host);
  } catch (error) {
    await app.close().catch(() => {});
    throw listenFailure(error, address);
  }
}

function primaryOptions(options: RunOptions, environment: Environment, workers: Workers) {
  const { host = environment.host, port = environment.port, logger, nest } = options;
  if (nest?.httpsOptions) throw failure('FSK_INVALID_OPTION', 'workers', NO_TLS);
  return {
    workers: workerCount(workers),
    host: host ?? '127.0.0.1',
    port: port ?? 5000,
    logger: createLog(() => logger),
  };
}

function requireConfig(app: INestApplication, module: Type): FlaskSocketConfig {
  const config = findProvider(app, FlaskSocketConfig);
  if (!config) throw failure('FSK_MODULE_MISSING', module.name);
  return config;
}

/** The number of worker processes, or `'auto'` for one for each core. */
export type Workers = number | 'auto';

/** Environment variables that apply where `run()` has no option. */
export interface Environment {
  host: string | undefined;
  port: number | undefined;
  messageQueue: string | undefined;
  workers: Workers | undefined;
}

/** Reads HOST, PORT, MESSAGE_QUEUE and WORKERS. An empty one counts as not set. Throws `FSK_INVALID_ENVIRONMENT`. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const read = (name: string) => variables[name]?.trim() || undefined;
  return {
    host: read('HOST'),
    port: integerVariable('PORT', read('PORT'), { least: 0, most: 65_535 }),
    messageQueue: urlVariable('MESSAGE_QUEUE', read('MESSAGE_QUEUE')),
    workers:
      read('WORKERS') === 'auto'
        ? 'auto'
        : integerVariable('WORKERS', read('WORKERS'), { least: 1, most: 1_024 }),
  };
}

/** The number of workers that the option means. Throws `FSK_INVALID_OPTION`. */
export function workerCount(workers: Workers): number {
  if (workers === 'auto') return availableParallelism();
  if (Number.isInteger(workers) && workers >= 1) return workers;
  throw failure(
    'FSK_INVALID_OPTION',
    'workers',
    `must be a number of 1 or more, or 'auto', not ${printableValue(workers)}`,
  );
}

/** The error does not show a value that is no URL, since it may hold a password. */
function urlVariable(name: string, text: string | undefined): string | undefined {
  if (text === undefined || text.includes('://')) return text;
  throw failure('FSK_INVALID_ENVIRONMENT', name, 'no URL', 'that of a broker, like redis://localhost');
}

function integerVariable(
  name: string,
  text: string | undefined,
  { least, most }: { least: number; most: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw failure('FSK_INVALID_ENVIRONMENT', name, printableValue(text), `a number from ${least} to ${most}`);
}
