import type { INestApplication, NestApplicationOptions, Type } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { failureFrom } from '../common/errors.js';
import type { FlaskSocketOptions } from '../common/options.js';
import { FlaskSocketConfig } from './flask-socket.config.js';
import { Shutdown } from './shutdown.js';

/** Options of `run()`: where to listen, how to make the application, and those of `forRoot()`. */
export interface RunOptions extends FlaskSocketOptions {
  /** The address to listen on. Default: `HOST` of the environment, else 127.0.0.1. */
  host?: string;
  /** The port to listen on; 0 takes a free one. Default: `PORT` of the environment, else 5000. */
  port?: number;
  /** The HTTP platform, for example `new FastifyAdapter()`. Default: Express. */
  adapter?: AbstractHttpAdapter;
  /** Options for `NestFactory.create()`. */
  nest?: NestApplicationOptions;
}

/**
 * Creates the application, listens, and closes it gracefully on SIGTERM and SIGINT. Options given here win over
 * those of `forRoot()`. Resolves with the Nest application once it listens. Source: promises I2, I3; `socketio.run`.
 *
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { FlaskSocketModule, run } from 'nestjs-flask-socket';
 *
 * @Module({ imports: [FlaskSocketModule.forRoot()] })
 * class AppModule {}
 *
 * await run(AppModule, { port: 5000 });
 * ```
 */
export async function run(module: Type, options: RunOptions = {}): Promise<INestApplication> {
  const { host, port, adapter, nest, ...flaskSocketOptions } = options;
  const app = adapter
    ? await NestFactory.create(module, adapter, nest)
    : await NestFactory.create(module, nest);
  configOf(app, module).merge(flaskSocketOptions);
  app.get(Shutdown).closeApplication = () => app.close();
  app.enableShutdownHooks();
  await app.listen(port ?? portFrom(process.env['PORT']), host ?? (process.env['HOST'] || '127.0.0.1'));
  return app;
}

function configOf(app: INestApplication, module: Type): FlaskSocketConfig {
  try {
    return app.get(FlaskSocketConfig);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_MODULE_MISSING', module.name);
  }
}

function portFrom(text: string | undefined): number {
  const port = Number(text ?? '');
  return text !== undefined && text.trim() !== '' && Number.isInteger(port) ? port : 5000;
}
