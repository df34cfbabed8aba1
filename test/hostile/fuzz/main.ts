// The application that fuzz.spec.ts sends packets to: `run()` with the options that it gets as an argument.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import {
  args,
  call,
  emit,
  FlaskSocketModule,
  g,
  joinRoom,
  leaveRoom,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  request,
  rooms,
  run,
  session,
  SocketGateway,
  SocketIO,
  type RunOptions,
} from 'nestjs-flask-socket';

const SHORT = { timeout: 300 };

@SocketGateway()
class TargetGateway {
  constructor(private readonly socketio: SocketIO) {}

  @OnConnect('*')
  async connect(auth: unknown) {
    emit('welcome', auth);
    if (request.namespace === '/slow') await this.socketio.sleep(5);
    return request.namespace !== '/closed';
  }

  @OnEvent('echo')
  echo(...values: unknown[]) {
    return args(...values);
  }

  @OnEvent('later', '/', { ordering: 'serial' })
  async later(value: unknown) {
    await this.socketio.sleep(1);
    return value;
  }

  @OnEvent('callback')
  callback(data: unknown) {
    emit('question', data, { callback: (...values: unknown[]) => emit('answer', values) });
  }

  @OnEvent('call')
  call(data: unknown) {
    return call('question', data, SHORT);
  }

  @OnEvent('call another')
  callAnother(sid: string, data: unknown) {
    return this.socketio.call('question', data, { ...SHORT, to: sid });
  }

  @OnEvent('callback of another')
  callbackOfAnother(sid: string, data: unknown) {
    this.socketio.emit('question', data, {
      to: sid,
      callback: (...values: unknown[]) => values.length,
    });
  }

  @OnEvent('all')
  all(data: unknown) {
    emit('news', data, { broadcast: true });
  }

  @OnEvent('room')
  room(name: string, data: unknown) {
    void joinRoom(name);
    emit('news', data, { to: name });
    if (rooms().length > 20) for (const room of rooms().slice(1)) void leaveRoom(room);
  }

  @OnEvent('members')
  async members(room: string) {
    return (await this.socketio.members(room)).length;
  }

  @OnEvent('session')
  keep(key: string, value: unknown) {
    session[key] = value;
    g['value'] = session[key];
    return g['value'];
  }

  @OnEvent('throw')
  fail(data: unknown) {
    throw Object.assign(new Error(String(data)), { data });
  }

  @OnEvent('sid')
  sid() {
    return request.sid;
  }

  @OnEvent('*', '*')
  every(name: string, ...values: unknown[]) {
    return values.at(-1) ?? name;
  }

  @OnError('/')
  failed(error: unknown) {
    return { error: String(error), args: request.event.args };
  }

  @OnDisconnect('*')
  disconnect(reason: string) {
    emit('left', reason, { broadcast: true });
  }
}

@SocketGateway('/job/:id')
class JobGateway {
  @OnEvent('echo')
  echo(value: unknown) {
    return value;
  }
}

@Module({
  imports: [FlaskSocketModule.forRoot({ logger: console })],
  providers: [TargetGateway, JobGateway],
})
class AppModule {}

const options = JSON.parse(process.argv[2] ?? '{}') as RunOptions;
const app = await run(AppModule, {
  port: 0,
  allowEIO3: true,
  namespaces: ['/', '/slow', '/closed'],
  nest: { logger: false },
  logger: console,
  ...options,
});
process.stdout.write(`found at ${await app.getUrl()}\n`);
