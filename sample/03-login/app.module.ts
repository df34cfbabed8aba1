import { Module } from '@nestjs/common';
import { PassportModule } from '@nestjs/passport';
import expressSession from 'express-session';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { randomBytes } from 'node:crypto';
import passport from 'passport';
import { LookController } from '../shared/look.controller.js';
import { LoginController } from './login.controller.js';
import { LoungeGateway } from './lounge.gateway.js';
import { LocalStrategy, UserSerializer, type User } from './users.js';

const session = expressSession({
  secret: process.env['SESSION_SECRET'] ?? randomBytes(32).toString('hex'),
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: 'lax' },
});

@Module({
  imports: [
    PassportModule,
    FlaskSocketModule.forRoot({
      session: [session, passport.initialize(), passport.session()], // for HTTP and for handshakes
      identify: (request) => (request.user as User | undefined)?.id, // whose room a connection joins
    }),
  ],
  controllers: [LookController, LoginController],
  providers: [LocalStrategy, UserSerializer, LoungeGateway],
})
export class AppModule {}
