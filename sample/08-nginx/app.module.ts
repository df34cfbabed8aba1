import { Module } from '@nestjs/common';
import { emit, FlaskSocketModule, joinRoom, OnConnect, OnEvent, SocketGateway } from 'nestjs-flask-socket';

@SocketGateway()
export class TeamGateway {
  @OnConnect()
  connect() {
    joinRoom('team');
  }

  /** Which process serves this client. */
  @OnEvent('who')
  who() {
    return process.pid;
  }

  /** Reaches the clients of all processes. */
  @OnEvent('say')
  say(text: string) {
    emit('said', { text, by: process.pid }, { to: 'team' });
  }
}

// The port and the message queue come from the environment: PORT, MESSAGE_QUEUE.
@Module({ imports: [FlaskSocketModule.forRoot()], providers: [TeamGateway] })
export class AppModule {}
