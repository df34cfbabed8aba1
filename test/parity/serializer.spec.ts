import { emit, OnEvent, SocketGateway, type Parser } from 'nestjs-flask-socket';
import msgpackParser from 'socket.io-msgpack-parser';
import * as jsonParser from 'socket.io-parser';
import { describe, expect, it } from 'vitest';
import { ask, next, startApp, type ClientOptions } from '../support/app.js';

@SocketGateway()
class EchoGateway {
  @OnEvent('echo')
  echo(value: unknown) {
    emit('echo', value);
    return value;
  }

  @OnEvent('is date')
  isDate(value: unknown) {
    return value instanceof Date;
  }
}

/** JSON in which a date stays a date. */
const dates: Parser = {
  ...jsonParser,
  Encoder: class extends jsonParser.Encoder {
    constructor() {
      super(function dated(this: Record<string, unknown>, key: string, value: unknown) {
        return this[key] instanceof Date ? { $date: this[key].getTime() } : value;
      } as never);
    }
  },
  Decoder: class extends jsonParser.Decoder {
    constructor() {
      super(((_key: string, value: { $date?: number } | null) =>
        typeof value?.$date === 'number' ? new Date(value.$date) : value) as never);
    }
  },
};

describe.each(['polling', 'websocket'] as const)('by %s, packets', (transport) => {
  const options = (parser: unknown) => ({ transports: [transport], parser }) as ClientOptions;

  it("N3 are msgpack with serializer: 'msgpack'", async () => {
    const app = await startApp({ providers: [EchoGateway], options: { serializer: 'msgpack' } });
    const client = await app.connect('/', options(msgpackParser));
    const data = { bytes: Buffer.from([0, 255]), list: [1, null, 'x'] };
    const echo = next(client, 'echo');

    const answer = await ask(client, 'echo', data);

    expect(answer).toEqual([data]);
    expect(await echo).toEqual([data]);
  });

  it('N3 are what a parser of the application makes of them', async () => {
    const app = await startApp({ providers: [EchoGateway], options: { serializer: dates } });
    const client = await app.connect('/', options(dates));

    expect(await ask(client, 'is date', new Date(7))).toEqual([true]);
    expect(await ask(client, 'echo', { at: new Date(7) })).toEqual([{ at: new Date(7) }]);
  });
});
