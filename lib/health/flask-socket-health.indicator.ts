import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { SocketIO } from '../server/socket-io.service.js';

type Report<Key extends string> = (details: Record<string, unknown>) => HealthIndicatorResult<Key>;

/** The result builder of terminus; `degraded` exists since version 12. */
interface HealthCheck<Key extends string> {
  up: Report<Key>;
  down: Report<Key>;
  degraded?: Report<Key>;
}

/**
 * Reports to `@nestjs/terminus` whether this process can serve clients: `down` while it starts or stops, `degraded`
 * while its message queue is away, else `up`. Provide it in the module of the health controller.
 *
 * @see docs/deployment.md#health
 * @example
 * ```ts
 * import { Controller, Get, Module } from '@nestjs/common';
 * import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
 * import { FlaskSocketHealthIndicator } from 'nestjs-flask-socket/health';
 *
 * @Controller('ready')
 * class ReadinessController {
 *   constructor(
 *     private readonly health: HealthCheckService,
 *     private readonly socketio: FlaskSocketHealthIndicator,
 *   ) {}
 *
 *   @Get()
 *   @HealthCheck()
 *   check() {
 *     return this.health.check([() => this.socketio.isHealthy()]);
 *   }
 * }
 *
 * @Module({
 *   imports: [TerminusModule],
 *   controllers: [ReadinessController],
 *   providers: [FlaskSocketHealthIndicator],
 * })
 * export class HealthModule {}
 * ```
 */
@Injectable()
export class FlaskSocketHealthIndicator {
  constructor(
    @Inject(SocketIO) private readonly socketio: SocketIO,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  /** The health of Socket.IO under `key`. Terminus 11 has no `degraded`: there it is `up` with `degraded: true`. */
  isHealthy<const Key extends string = 'socketio'>(key = 'socketio' as Key): HealthIndicatorResult<Key> {
    const { status, ...details } = this.socketio.health();
    const check: HealthCheck<Key> = this.indicators.check(key);
    if (status !== 'degraded') return check[status](details);
    return check.degraded?.(details) ?? check.up({ degraded: true, ...details });
  }
}
