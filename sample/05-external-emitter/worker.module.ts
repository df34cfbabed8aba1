import { Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { FlaskSocketModule, SocketIO } from 'nestjs-flask-socket';

/** Tells all boards the time. */
@Injectable()
export class StationClock implements OnApplicationBootstrap, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly socketio: SocketIO) {}

  onApplicationBootstrap() {
    this.#timer = setInterval(() => this.tell(), 1_000);
  }

  onApplicationShutdown() {
    clearInterval(this.#timer);
  }

  tell(now = new Date()) {
    this.socketio.emit('time', now.toISOString().slice(11, 19));
  }
}

@Module({
  imports: [
    FlaskSocketModule.forEmitter({
      messageQueue: process.env['MESSAGE_QUEUE'] ?? 'redis://127.0.0.1',
      namespace: '/board',
    }),
  ],
  providers: [StationClock],
})
export class WorkerModule {}
