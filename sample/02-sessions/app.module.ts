import { Module } from '@nestjs/common';
import { RedisStore } from 'connect-redis';
import expressSession, { MemoryStore, type Store } from 'express-session';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { randomBytes } from 'node:crypto';
import { createClient } from 'redis';
import { LookController } from '../shared/look.controller.js';
import { SessionController } from './session.controller.js';
import { SessionGateway } from './session.gateway.js';

/** In Redis where REDIS_URL names one, so that logins outlive the server; else in its memory. */
async function storeOf(url: string | undefined): Promise<Store> {
  if (!url) return new MemoryStore();
  const client = createClient({ url });
  client.on('error', (error: Error) => console.error(`Redis: ${error.message}`)); // without a listener it is thrown
  await client.connect();
  client.unref(); // an open connection keeps no process from ending
  return new RedisStore({ client });
}

@Module({
  imports: [
    FlaskSocketModule.forRootAsync({
      useFactory: async () => ({
        session: expressSession({
          secret: process.env['SESSION_SECRET'] ?? randomBytes(32).toString('hex'),
          store: await storeOf(process.env['REDIS_URL']),
          resave: false,
          saveUninitialized: false,
          cookie: { sameSite: 'lax' },
        }),
      }),
    }),
  ],
  controllers: [LookController, SessionController],
  providers: [SessionGateway],
})
export class AppModule {}
