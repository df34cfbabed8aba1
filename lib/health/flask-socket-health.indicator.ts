import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { SocketIO } from '../server/socket-io.service.js';

type Say<Key extends string> = (details: Record<string, unknown>) => HealthIndicatorResult<Key>;

/** What terminus gives an indicator to answer with; `degraded` since version 12. */
interface Answer<Key extends string> {
  up: Say<Key>;
  down: Say<Key>;
  degraded?: Say<Key>;
}

/**
 * Tells `@nestjs/terminus` whether clients may be sent to this process: `down` while it starts or stops, `degraded`
 * while its message queue is away, else `up`. Provide it where the health controller is.
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

  /** The health of Socket.IO under a name of your choice. Terminus 11 has no `degraded`: there it is `up`, and says so. */
  isHealthy<const Key extends string = 'socketio'>(key = 'socketio' as Key): HealthIndicatorResult<Key> {
    const { status, ...details } = this.socketio.health();
    const answer: Answer<Key> = this.indicators.check(key);
    if (status !== 'degraded') return answer[status](details);
    return answer.degraded?.(details) ?? answer.up({ degraded: true, ...details });
  }
}
