import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  joinRoom,
  leaveRoom,
  OnConnect,
  OnEvent,
  request,
  rooms,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { ask, startApp, type RunningApp } from '../../support/app.js';
import { expectNoFaults } from '../../support/faults.js';

expectNoFaults();

/** The code of the error that a call throws. */
async function codeOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return 'joined';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

@SocketGateway('*')
class RoomGateway {
  @OnConnect()
  connect() {}

  @OnEvent('join')
  join(...names: string[]) {
    return Promise.all(names.map((name) => codeOf(() => joinRoom(name))));
  }

  @OnEvent('leave')
  leave(name: string) {
    leaveRoom(name);
  }

  @OnEvent('rooms')
  rooms() {
    return rooms().slice(1);
  }

  @OnEvent('throw')
  throw() {
    joinRoom('one more');
  }
}

@WebSocketGateway()
class NestGateway {
  @SubscribeMessage('nest')
  async join(@ConnectedSocket() socket: Socket) {
    await socket.join('nest');
    return [...socket.rooms].slice(1);
  }
}

const start = (options: FlaskSocketOptions = {}) =>
  startApp({
    providers: [RoomGateway, NestGateway],
    options: { limits: { roomsPerConnection: 2 }, namespaces: '*', ...options },
  });

const roomsIn = async (client: Parameters<typeof ask>[0]) => (await ask(client, 'rooms'))[0];
const socketOf = (app: RunningApp, id: string) => app.get(SocketIO).server.sockets.sockets.get(id)!;

describe('the rooms of a client', () => {
  it('L6 are as many as limits.roomsPerConnection: a further joinRoom() throws', async () => {
    const app = await start();
    const client = await app.connect();

    expect(await ask(client, 'join', 'a', 'b', 'c', 'a')).toEqual([
      ['joined', 'joined', 'FSK_TOO_MANY_ROOMS', 'joined'],
    ]);
    expect(await roomsIn(client)).toEqual(['a', 'b']);
    expect(app.get(SocketIO).limits.reached.roomsPerConnection).toBe(1);
    expect(app.log.of('warn')).toEqual([
      expect.stringMatching(/too many rooms.*limits\.roomsPerConnection: 2/),
    ]);
  });

  it('L6 count again when one is left, in each namespace by itself', async () => {
    const app = await start();
    const client = await app.connect();
    const other = await app.also(client, '/other');
    await ask(client, 'join', 'a', 'b');
    await ask(client, 'leave', 'a');

    expect(await ask(client, 'join', 'c', 'd')).toEqual([['joined', 'FSK_TOO_MANY_ROOMS']]);
    expect(await ask(other, 'join', 'a', 'b', 'c')).toEqual([['joined', 'joined', 'FSK_TOO_MANY_ROOMS']]);
  });

  it('L6 do not include that of its user', async () => {
    const app = await start({ identify: () => 7 });
    const client = await app.connect();

    expect(await ask(client, 'join', 'a', 'b', 'c')).toEqual([['joined', 'joined', 'FSK_TOO_MANY_ROOMS']]);
    expect(app.get(SocketIO).server.sockets.adapter.rooms.get('flask-socket:user:7')?.size).toBe(1);
  });

  it('L6 L10 the error of a handler that does not catch it names the limit to the client', async () => {
    const app = await start({ limits: { roomsPerConnection: 1 } });
    const client = await app.connect();
    await ask(client, 'join', 'a');

    expect(await ask(client, 'throw')).toEqual([{ status: 'error', message: 'Too many rooms' }]);
    expect(app.log.of('error')).toEqual([]);
    expect(app.log.of('warn')).toEqual([expect.stringContaining('(limits.roomsPerConnection: 1)')]);
  });

  it.each<[string, (app: RunningApp, id: string) => unknown]>([
    ['socket.join()', (app, id) => socketOf(app, id).join(['a', 'b', 'c', 'd'])],
    [
      'one socket.join() after another',
      (app, id) => ['a', 'b', 'c'].map((room) => socketOf(app, id).join(room)),
    ],
    ['socketsJoin()', (app) => app.get(SocketIO).server.socketsJoin(['a', 'b', 'c'])],
  ])('L6 above the limit, %s of the raw server is left out, and logged', async (_, join) => {
    const app = await start();
    const client = await app.connect();
    await join(app, client.id!);

    expect(await roomsIn(client)).toEqual(['a', 'b']);
    expect(app.get(SocketIO).server.sockets.adapter.rooms.has('c')).toBe(false);
    expect(app.get(SocketIO).limits.reached.roomsPerConnection).toBe(1);
    expect(app.log.of('warn')).toEqual([expect.stringMatching(/too many rooms: [12] rooms? not joined/)]);
  });

  it("L6 count for a gateway of Nest's own", async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'a', 'b');

    expect(await ask(client, 'nest')).toEqual([['a', 'b']]);
  });

  it('L6 SocketIO.joinRoom() throws as well', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'a', 'b');

    expect(await codeOf(() => app.get(SocketIO).joinRoom('c', { sid: client.id! }))).toBe(
      'FSK_TOO_MANY_ROOMS',
    );
  });

  it('L6 are not counted with limits: false', async () => {
    const app = await start({ limits: false });
    const client = await app.connect();
    const names = Array.from({ length: 1_500 }, (_, index) => `${index}`);
    await ask(client, 'join', ...names.slice(0, 900));
    await ask(client, 'join', ...names.slice(900));

    expect(await roomsIn(client)).toHaveLength(1_500);
  });

  it.each([
    ['an object', { a: 1 }],
    ['an array', ['a']],
    ['null', null],
    ['undefined', undefined],
    ['a function', () => {}],
  ])('L6 are not named by %s', async (_, name) => {
    const app = await start();
    const client = await app.connect();
    await socketOf(app, client.id!).join([name as never, 'a', 5 as never]);
    const { adapter } = app.get(SocketIO).server.sockets;

    expect([...adapter.rooms.keys()]).toEqual([client.id, 'a', 5]);
    expect(app.log.of('warn')).toEqual([expect.stringContaining('named by a string or a number')]);
  });

  it('L6 leave nothing behind when their client goes', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'a', 'b', 'c');
    const { adapter } = app.get(SocketIO).server.sockets;
    const gone = new Promise((resolve) => socketOf(app, client.id!).on('disconnect', resolve));
    client.disconnect();
    await gone;

    expect([adapter.rooms.size, adapter.sids.size]).toEqual([0, 0]);
  });

  it('L6 a client that is connecting is counted too', async () => {
    const seen: unknown[] = [];
    @SocketGateway('/door')
    class DoorGateway {
      @OnConnect()
      async connect() {
        for (const name of ['a', 'b', 'c']) seen.push(await codeOf(() => joinRoom(name)));
        seen.push(request.sid);
      }
    }
    const app = await startApp({ providers: [DoorGateway], options: { limits: { roomsPerConnection: 2 } } });
    const { id } = await app.connect('/door');

    expect(seen).toEqual(['joined', 'joined', 'FSK_TOO_MANY_ROOMS', id]);
  });
});
