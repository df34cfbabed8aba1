import { Module } from '@nestjs/common';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { ChatGateway } from './chat.gateway.js';

@Module({
  imports: [
    FlaskSocketModule.forRoot({
      messageQueue: process.env['MESSAGE_QUEUE'] ?? 'redis://127.0.0.1', // all there is to it
      namespaces: ['/chat'],
      corsAllowedOrigins: '*', // clients.ts connects to both processes
      corsCredentials: false,
    }),
  ],
  providers: [ChatGateway],
})
export class AppModule {}
