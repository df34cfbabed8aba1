import {
  Controller,
  type DynamicModule,
  Get,
  Inject,
  Injectable,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  Res,
  type Type,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { Registry } from 'prom-client';
import { failureFrom } from '../common/errors.js';
import { requirePackages, loadPackage } from '../common/optional-package.js';
import { FlaskSocketRuntime } from '../server/flask-socket.runtime.js';
import { BUCKETS, Instruments, METRICS, type PromClient } from './instruments.js';

/** The injection token of the module's options. */
export const METRICS_OPTIONS = Symbol('FLASK_SOCKET_METRICS_OPTIONS');

/** Options of `FlaskSocketMetricsModule.forRoot()`. */
export interface FlaskSocketMetricsOptions {
  /** The path for Prometheus, after the global prefix; `false`: no route. Default: `/metrics`. */
  path?: string | false;
  /** Where the metrics are registered, for example prom-client's own `register`. Default: a new registry. */
  registry?: Registry;
  /** The upper bounds of the histogram of durations, in seconds. Default: 0.001 to 10. */
  buckets?: readonly number[];
}

/**
 * The metrics of an application, for a route of your own. Injectable where `FlaskSocketMetricsModule` is imported.
 *
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { FlaskSocketMetrics } from 'nestjs-flask-socket/metrics';
 *
 * @Injectable()
 * export class Pusher {
 *   constructor(private readonly metrics: FlaskSocketMetrics) {}
 *
 *   text() {
 *     return this.metrics.registry.metrics();
 *   }
 * }
 * ```
 */
@Injectable()
export class FlaskSocketMetrics implements OnModuleInit, OnApplicationShutdown {
  /** prom-client's registry with the metrics in it. */
  readonly registry: Registry;
  readonly #promClient: PromClient;

  constructor(
    @Inject(METRICS_OPTIONS) private readonly options: FlaskSocketMetricsOptions,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
  ) {
    requirePackages(['prom-client'], 'nestjs-flask-socket/metrics');
    this.#promClient = loadPackage('prom-client') as PromClient;
    this.registry = options.registry ?? new this.#promClient.Registry();
  }

  /** Starts to measure before clients connect. */
  onModuleInit(): void {
    const runtime = this.#runtime();
    const { buckets = BUCKETS } = this.options;
    runtime.observe(new Instruments(this.#promClient, runtime, { registry: this.registry, buckets }));
  }

  /** Removes the metrics from the registry, which may outlive the application. */
  onApplicationShutdown(): void {
    for (const { name } of Object.values(METRICS)) this.registry.removeSingleMetric(name);
  }

  #runtime(): FlaskSocketRuntime {
    try {
      return this.modules.get(FlaskSocketRuntime, { strict: false });
    } catch (cause) {
      throw failureFrom(cause, 'FSK_MODULE_MISSING', 'The application of FlaskSocketMetricsModule');
    }
  }
}

/**
 * Measures the Socket.IO server for Prometheus, with the package `prom-client`. Import it once, beside
 * `FlaskSocketModule`. Without it nothing is measured, at no cost.
 *
 * @see docs/deployment.md#metrics
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { FlaskSocketModule } from 'nestjs-flask-socket';
 * import { FlaskSocketMetricsModule } from 'nestjs-flask-socket/metrics';
 *
 * @Module({ imports: [FlaskSocketModule.forRoot(), FlaskSocketMetricsModule.forRoot()] })
 * export class AppModule {} // GET /metrics
 * ```
 */
@Module({})
export class FlaskSocketMetricsModule {
  /** Adds a route for Prometheus, unless `path` is `false`. */
  static forRoot(options: FlaskSocketMetricsOptions = {}): DynamicModule {
    const { path = '/metrics' } = options;
    return {
      module: FlaskSocketMetricsModule,
      controllers: path === false ? [] : [metricsController(path)],
      providers: [{ provide: METRICS_OPTIONS, useValue: options }, FlaskSocketMetrics],
      exports: [FlaskSocketMetrics],
    };
  }
}

/** A controller that serves the metrics at a path, in the format that Prometheus reads. */
export function metricsController(path: string): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  class MetricsController {
    constructor(
      @Inject(FlaskSocketMetrics) private readonly metrics: FlaskSocketMetrics,
      @Inject(HttpAdapterHost) private readonly platform: HttpAdapterHost,
    ) {}

    @Get()
    scrape(@Res({ passthrough: true }) response: unknown): Promise<string> {
      const { registry } = this.metrics;
      this.platform.httpAdapter.setHeader(response, 'Content-Type', registry.contentType);
      return registry.metrics();
    }
  }
  return MetricsController;
}
