// The adapter of Nest's documentation, for gateways of its own on several processes. It compiles where there is one
// copy of Socket.IO: with two, their types do not fit.
import { IoAdapter } from '@nestjs/platform-socket.io';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import type { Server, ServerOptions } from 'socket.io';

export class RedisIoAdapter extends IoAdapter {
  #adapter?: ReturnType<typeof createAdapter>;

  async connectToRedis(): Promise<void> {
    const publisher = createClient();
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    this.#adapter = createAdapter(publisher, subscriber);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const server: Server = super.createIOServer(port, options) as Server;
    if (this.#adapter) server.adapter(this.#adapter);
    return server;
  }
}
