import { Module } from '@nestjs/common';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { LookController } from '../shared/look.controller.js';
import { Jobs } from './jobs.js';
import { PageController } from './page.controller.js';
import { ReportsGateway } from './reports.gateway.js';

/** One Redis for both: the queue of messages that Python's processes share, and the list of jobs. */
export const REDIS = process.env['MESSAGE_QUEUE'] ?? 'redis://127.0.0.1';

@Module({
  imports: [FlaskSocketModule.forRoot({ messageQueue: { url: REDIS, protocol: 'flask-socketio' } })],
  controllers: [LookController, PageController],
  providers: [{ provide: Jobs, useFactory: () => new Jobs(REDIS) }, ReportsGateway],
})
export class AppModule {}
