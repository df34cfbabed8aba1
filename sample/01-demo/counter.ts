import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SocketIO } from 'nestjs-flask-socket';

/** Speaks first: no client asked, so the namespace is named, and everybody in it hears the count. */
@Injectable()
export class Counter implements OnApplicationBootstrap {
  constructor(private readonly socketio: SocketIO) {}

  onApplicationBootstrap() {
    this.socketio.startBackgroundTask((signal: AbortSignal) => this.#count(signal));
  }

  async #count(signal: AbortSignal) {
    for (let count = 1; !signal.aborted; count += 1) {
      this.socketio.emit('my counter', count, { namespace: '/test' });
      await this.socketio.sleep(1000);
    }
  }
}
