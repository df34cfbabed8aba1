import { Controller, Get, Inject, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { FlaskSocketMetrics } from './flask-socket-metrics.js';

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
