// The application that workers.spec.ts starts: `run()` with the options that it gets as an argument.
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  emit,
  FlaskSocketModule,
  joinRoom,
  OnDisconnect,
  OnEvent,
  run,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
  type RunOptions,
} from 'nestjs-flask-socket';

@SocketGateway()
class TeamGateway {
  constructor(private readonly socketio: SocketIO) {}

  @OnEvent('who')
  who() {
    return process.pid;
  }

  @OnEvent('join')
  join(room: string) {
    joinRoom(room);
    return process.pid;
  }

  @OnEvent('shout')
  shout(data: unknown, room?: string) {
    emit('news', data, room ? { to: room } : { broadcast: true });
  }

  @OnEvent('members')
  async members(room: string) {
    return (await this.socketio.members(room)).length;
  }

  @OnEvent('ask')
  async ask(sid: string) {
    return this.socketio.call('question', 'what', { to: sid });
  }

  @OnEvent('slow')
  async slow(milliseconds: number) {
    await this.socketio.sleep(milliseconds);
    return 'done';
  }

  @OnEvent('tick once')
  tickOnce() {
    this.socketio.startBackgroundTask({ once: 'ticker' }, async (signal: AbortSignal) => {
      for (let count = 1; !signal.aborted; count++) {
        this.socketio.emit('tick', { by: process.pid, count });
        await this.socketio.sleep(50);
      }
    });
    return process.pid;
  }

  @OnEvent('is leader')
  isLeader() {
    return this.socketio.isLeader('ticker');
  }

  @OnEvent('stop')
  stop() {
    void this.socketio.stop();
  }

  @OnDisconnect()
  left() {
    process.stdout.write('left\n');
  }
}

@Controller()
class PageController {
  @Get()
  page() {
    return 'a page';
  }
}

/** Options of `run()`, and which are given elsewhere. */
interface Given extends RunOptions {
  fastify?: boolean;
  /** Those of `forRoot()`. */
  module?: FlaskSocketOptions;
}

const { fastify, module, ...options } = JSON.parse(process.argv[2] ?? '{}') as Given;

@Module({
  imports: [FlaskSocketModule.forRoot({ logger: console, ...module })],
  controllers: [PageController],
  providers: [TeamGateway],
})
class AppModule {}

const adapter = fastify ? { adapter: new FastifyAdapter() as never } : {};
const app = await run(AppModule, {
  port: 0,
  workers: 4,
  nest: { logger: false },
  logger: console,
  ...adapter,
  ...options,
});
process.stdout.write(`found at ${await app.getUrl()}\n`);
