import { joinRoom, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { FlaskSocketMetricsModule } from 'nestjs-flask-socket/metrics';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { LIMIT_DEFAULTS } from '../../../lib/common/limits.js';
import { ask, startApp } from '../../support/app.js';

@SocketGateway()
class RoomGateway {
  @OnEvent('join')
  join(...rooms: string[]) {
    for (const room of rooms) void joinRoom(room);
  }
}

describe('what a limit did', () => {
  it('L10 is counted, logged once for each client, and told to the client', async () => {
    const registry = new Registry();
    const app = await startApp({
      providers: [RoomGateway],
      imports: [FlaskSocketMetricsModule.forRoot({ registry })],
      options: { limits: { roomsPerConnection: 1 } },
    });
    const clients = [await app.connect(), await app.connect()];
    const told = [];
    for (const client of clients) {
      for (let count = 0; count < 3; count++) told.push(await ask(client, 'join', 'a', 'b'));
    }

    expect(told).toEqual(Array.from({ length: 6 }, () => [{ status: 'error', message: 'Too many rooms' }]));
    expect(app.get(SocketIO).limits.reached).toMatchObject({ roomsPerConnection: 6, eventRate: 0 });
    expect(await registry.metrics()).toContain('flask_socket_limits_total{limit="roomsPerConnection"} 6');
    const lines = app.log.of('warn').filter((line) => line.endsWith('(limits.roomsPerConnection: 1)'));
    expect(lines).toHaveLength(2);
  });

  it('L10 N8 socketio.limits reads the limits as the options have them', async () => {
    const app = await startApp({ options: { limits: { eventRate: 7, payloadDepth: false } } });
    const { reached, ...limits } = app.get(SocketIO).limits;

    expect(limits).toEqual({ ...LIMIT_DEFAULTS, eventRate: 7, payloadDepth: Infinity });
    expect(Object.values(reached).every((count) => count === 0)).toBe(true);
  });

  it.each([
    [{ eventrate: 7 }, 'FSK_UNKNOWN_OPTION', 'Did you mean "eventRate"?'],
    [{ eventRate: 0 }, 'FSK_INVALID_OPTION', 'must be a number above 0, or false for no limit, not 0'],
    [{ eventPolicy: 'drop' }, 'FSK_INVALID_OPTION', "must be 'pause' or 'refuse'"],
  ])('N8 %o fails the boot', async (limits, code, text) => {
    const failed: unknown = await startApp({ options: { limits: limits as object } }).catch(
      (error: unknown) => error,
    );

    expect(failed).toMatchObject({ code, message: expect.stringContaining(text) });
  });
});
