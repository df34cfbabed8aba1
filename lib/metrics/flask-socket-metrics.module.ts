import { Module, type DynamicModule } from '@nestjs/common';
import {
  FlaskSocketMetrics,
  METRICS_OPTIONS,
  type FlaskSocketMetricsOptions,
} from './flask-socket-metrics.js';
import { metricsController } from './metrics.controller.js';

/**
 * Measures the Socket.IO server for Prometheus, with the package `prom-client`: import it once, beside
 * `FlaskSocketModule`. An application without it pays nothing.
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
  /** With a route for Prometheus, unless `path` is `false`. */
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
