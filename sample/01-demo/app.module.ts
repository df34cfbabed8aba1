import { Module } from '@nestjs/common';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { LookController } from '../shared/look.controller.js';
import { Counter } from './counter.js';
import { DemoGateway } from './demo.gateway.js';
import { PageController } from './page.controller.js';

@Module({
  imports: [FlaskSocketModule.forRoot()],
  controllers: [LookController, PageController],
  providers: [Counter, DemoGateway],
})
export class AppModule {}
