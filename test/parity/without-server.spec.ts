import {
  Controller,
  Inject,
  Module,
  type INestApplicationContext,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import session from 'express-session';
import {
  FlaskSocketModule,
  joinRoom,
  OnConnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { FlaskSocketMetrics, FlaskSocketMetricsModule } from 'nestjs-flask-socket/metrics';
import { createTestClient } from 'nestjs-flask-socket/testing';
import type { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, KeepingLogger, next, startApp } from '../support/app.js';
import { redisBroker } from '../support/brokers.js';
import { freePort } from '../support/server-process.js';
import { have } from '../support/system-packages.mjs';

@SocketGateway('/chat')
class ChatGateway {
  @WebSocketServer() readonly server!: Server;

  @OnConnect()
  connect() {
    joinRoom('lobby');
  }

  @OnEvent('ask')
  ask() {
    return 'answered';
  }
}

@WebSocketGateway({ namespace: '/nest' })
class NestGateway {
  @SubscribeMessage('ask')
  ask() {
    return 'by Nest';
  }
}

/** Does at start what applications do. */
@Controller()
class Starter implements OnModuleInit {
  constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

  onModuleInit() {
    this.socketio.onEvent('late', () => 'late', '/late');
  }

  @MessagePattern('sum')
  sum(values: number[]) {
    return values.reduce((a, b) => a + b);
  }
}

function rootModule(options: FlaskSocketOptions = {}): { module: Type; log: KeepingLogger } {
  const log = new KeepingLogger();
  const secret = { secret: 'test', resave: false, saveUninitialized: false };
  @Module({
    imports: [
      FlaskSocketModule.forRoot({ logger: log, session: session(secret), ...options }),
      FlaskSocketMetricsModule.forRoot(),
    ],
    controllers: [Starter],
    providers: [ChatGateway, NestGateway],
  })
  class RootModule {}
  return { module: RootModule, log };
}

type Start = (module: Type) => Promise<INestApplicationContext>;

const quiet = { logger: false, abortOnError: false } as const;

const ways: [string, Start][] = [
  ['NestFactory.createApplicationContext()', (module) => NestFactory.createApplicationContext(module, quiet)],
  [
    'NestFactory.createMicroservice()',
    async (module) => {
      const options = { transport: Transport.TCP, options: { port: await freePort() } } as const;
      const app = await NestFactory.createMicroservice(module, { ...quiet, ...options });
      await app.listen();
      return app as never; // one may get() from it, and close it
    },
  ],
  [
    'TestingModule.init()',
    async (module) => (await Test.createTestingModule({ imports: [module] }).compile()).init(),
  ],
];

describe.each(ways)('%s with the root module of a server', (_, start) => {
  const boot = async (options?: FlaskSocketOptions) => {
    const { module, log } = rootModule(options);
    const app = await start(module);
    onTestFinished(() => app.close());
    return { app, log, socketio: app.get(SocketIO) };
  };

  it('I1 boots, and says what it is', async () => {
    const { log } = await boot();
    expect(log.lines.map(({ text }) => text)).toEqual(['No HTTP server here, so no Socket.IO clients']);
  });

  it('B3 says once that nobody can hear what SocketIO says', async () => {
    const { log, socketio } = await boot();
    socketio.emit('news', 1);
    socketio.send('news', { to: 'lobby', namespace: '/chat' });
    socketio.closeRoom('lobby');
    void socketio.joinRoom('lobby', { sid: 'sid' });
    void socketio.leaveRoom('lobby', { sid: 'sid' });
    socketio.disconnect({ sid: 'sid' });
    socketio.disconnectUser('Ann');
    expect(log.of('warn')).toEqual([expect.stringContaining('the call has no effect')]);
  });

  it('B3 says of what needs a server that there is none', async () => {
    const { socketio } = await boot();
    const code = 'FSK_NO_SERVER';
    expect(() => socketio.server).toThrow(expect.objectContaining({ code }));
    expect(() => socketio.rooms({ sid: 'sid' })).toThrow(expect.objectContaining({ code }));
    await expect(socketio.call('ask', 1, { to: 'sid' })).rejects.toMatchObject({ code });
    await expect(socketio.members('lobby')).rejects.toMatchObject({ code });
  });

  it('Q2 does what needs none', async () => {
    const { app, socketio } = await boot();
    const task = socketio.startBackgroundTask(() => socketio.sleep(1).then(() => 'done'));
    expect(await task).toBe('done');
    expect(socketio.asyncMode).toBe('ws');
    expect(socketio.health()).toEqual({ status: 'up', draining: false, connections: 0 });
    expect(await app.get(FlaskSocketMetrics).registry.metrics()).toContain('flask_socket');
    await socketio.stop();
  });

  it('Q3 a test client says that there is no server', async () => {
    const { app } = await boot();
    await expect(createTestClient(app as never)).rejects.toMatchObject({ code: 'FSK_NO_SERVER' });
  });

  it('N1 is not kept from it by options for a server', async () => {
    const { log } = await boot({
      corsAllowedOrigins: '*',
      connectionStateRecovery: true,
      httpCompression: true,
      identify: () => 'Ann',
      namespaces: '*',
      serializer: 'msgpack',
    });
    expect(log.of('error')).toEqual([]);
  });

  it.skipIf(!have('redis-server'))(
    'B3 P4 speaks to the clients of servers through the message queue',
    async () => {
      const broker = await redisBroker();
      await broker.start();
      onTestFinished(() => broker.stop());
      const server = await startApp({ providers: [ChatGateway], options: { messageQueue: broker.url } });
      const client = await server.connect('/chat');
      const { app, log, socketio } = await boot({ messageQueue: broker.url });
      const sid = client.id!;
      const namespace = '/chat';
      client.on('question', (text: string, answer: (text: string) => void) => answer(`${text}!`));

      await expect.poll(() => socketio.members('lobby', { namespace })).toHaveLength(1);
      const first = next(client, 'news');
      socketio.emit('news', 'first', { namespace, to: 'lobby' });
      expect(await first).toEqual(['first']);
      expect(await socketio.call('question', 'really', { namespace, to: sid })).toBe('really!');
      await socketio.joinRoom('moved', { sid, namespace });
      const moved = next(client, 'news');
      app.get(ChatGateway).server.to('moved').emit('news', 'by the property of a gateway');
      expect(await moved).toEqual(['by the property of a gateway']);
      expect(() => socketio.server).toThrow(/FSK_NO_SERVER/);
      const gone = next(client, 'disconnect');
      socketio.disconnect({ sid, namespace });
      expect(await gone).toEqual(['io server disconnect', undefined]);
      expect(log.of('warn')).toEqual([]);
    },
  );
});

it.skipIf(!have('redis-server'))('B3 P7 a script may say something and end at once', async () => {
  const broker = await redisBroker();
  await broker.start();
  onTestFinished(() => broker.stop());
  const server = await startApp({ providers: [ChatGateway], options: { messageQueue: broker.url } });
  const heard = next(await server.connect('/chat'), 'migrated');
  const { module } = rootModule({ messageQueue: broker.url });
  const script = await NestFactory.createApplicationContext(module, quiet);
  script.get(SocketIO).emit('migrated', 42, { namespace: '/chat' });
  await script.close();
  expect(await heard).toEqual([42]);
});

describe('a hybrid application', () => {
  it.each([true, false])(
    'I1 serves clients of both kinds (inheritAppConfig: %s)',
    async (inheritAppConfig) => {
      const port = await freePort();
      const running = await startApp({
        providers: [ChatGateway, NestGateway],
        controllers: [Starter],
        prepare: async (app) => {
          app.connectMicroservice({ transport: Transport.TCP, options: { port } }, { inheritAppConfig });
          await app.startAllMicroservices();
        },
      });
      const client = await running.connect('/chat');
      const late = await running.also(client, '/late');
      const nest = await running.also(client, '/nest');
      expect([await ask(client, 'ask'), await ask(late, 'late'), await ask(nest, 'ask')]).toEqual([
        ['answered'],
        ['late'],
        ['by Nest'],
      ]);
    },
  );
});
