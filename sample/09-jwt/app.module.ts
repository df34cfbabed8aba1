import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { randomBytes } from 'node:crypto';
import { LookController } from '../shared/look.controller.js';
import { TickerGateway } from './ticker.gateway.js';
import { TokenController } from './token.controller.js';
import { Tokens } from './tokens.js';

@Module({
  imports: [
    JwtModule.register({
      secret: process.env['JWT_SECRET'] ?? randomBytes(32).toString('hex'),
      signOptions: { expiresIn: 20 }, // seconds; short, to see what happens
    }),
    FlaskSocketModule.forRoot({ identify: (request) => request.user as string }),
  ],
  controllers: [LookController, TokenController],
  providers: [Tokens, TickerGateway],
})
export class AppModule {}
