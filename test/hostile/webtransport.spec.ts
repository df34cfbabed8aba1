import {
  Auth,
  emit,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import { expect, it } from 'vitest';
import { startApp, type AppOptions, type RunningApp } from '../support/app.js';
import { expectNoFaults } from '../support/faults.js';
import { Journal } from '../support/journal.js';

expectNoFaults();

/** A client of WebTransport, without HTTP/3 below: two streams are all that the engine sees of it. */
class WebTransportClient {
  readonly received = new Journal();
  readonly #toServer = new TransformStream<Uint8Array, Uint8Array>();
  readonly #fromServer = new TransformStream<Uint8Array, Uint8Array>();
  readonly #writer = this.#toServer.writable.getWriter();
  #close: () => void = () => {};
  readonly closed = new Promise<void>((resolve) => (this.#close = resolve));

  constructor({ app }: RunningApp) {
    const stream = { readable: this.#toServer.readable, writable: this.#fromServer.writable };
    const offered = {
      incomingBidirectionalStreams: new ReadableStream({ start: (controller) => controller.enqueue(stream) }),
      closed: this.closed,
      close: this.#close,
    };
    const { engine } = app.get(SocketIO).server as unknown as Engine;
    void this.#read();
    void engine.onWebTransportSession(offered);
    this.send('0');
  }

  /** A packet of the engine. A byte says how long it is. */
  send(packet: string): void {
    const bytes = Buffer.from(packet);
    void this.#writer.write(Buffer.concat([Buffer.of(bytes.length), bytes]));
  }

  leave(): void {
    this.#close();
  }

  async #read(): Promise<void> {
    const reader = this.#fromServer.readable.getReader();
    for (;;) {
      await reader.read(); // how long it is
      const { value, done } = await reader.read();
      if (done) return;
      this.received.add(Buffer.from(value).toString());
    }
  }
}

interface Engine {
  engine: { onWebTransportSession(session: object): Promise<void> };
}

const SETUPS: [string, AppOptions['options']][] = [
  ['nothing else', {}],
  ['identify', { identify: ({ headers }) => String(headers['x-user'] ?? 'nobody') }],
  ['a session', { session: (_request: unknown, _response: unknown, next: () => void) => next() }],
  ['recovery', { connectionStateRecovery: true }],
  ['recovery that skips middlewares', { connectionStateRecovery: { skipMiddlewares: true } }],
];

it.each(SETUPS)(
  'K2 a client of WebTransport has no HTTP request, and is served; with %s',
  async (_, options) => {
    const left = new Journal();
    @SocketGateway()
    class SeeingGateway {
      @OnConnect()
      connect(@Auth() auth: unknown) {
        emit('connected', auth);
      }

      @OnEvent('look')
      look() {
        session['seen'] = true;
        const { headers, cookies, query, url, user, transport } = request;
        return {
          headers,
          cookies,
          query,
          url,
          user: user ?? null,
          transport,
          address: request.address ?? null,
        };
      }

      @OnDisconnect()
      disconnect(reason: string) {
        left.add(reason);
      }
    }
    const transports = ['polling', 'websocket', 'webtransport'] as const;
    const server = { transports: [...transports] };
    const app = await startApp({ providers: [SeeingGateway], options: { ...options, server } });
    const client = new WebTransportClient(app);

    client.send('40{"token":"t"}');
    await client.received.find((packet) => packet.startsWith('42'));
    client.send('421["look"]');
    const answer = await client.received.find((packet) => packet.startsWith('431'));
    client.leave();

    expect(JSON.parse(answer.slice(3))).toEqual([
      {
        headers: {},
        cookies: {},
        query: {},
        url: '',
        user: null,
        transport: 'webtransport',
        address: null,
      },
    ]);
    expect(await left.reached(1)).toEqual(['transport close']);
  },
);
