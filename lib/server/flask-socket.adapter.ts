import { IoAdapter } from '@nestjs/platform-socket.io';
import { filter } from 'rxjs';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import { EXCEPTION_EVENT } from '../common/constants.js';
import { COPY, HERE } from '../common/copies.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { safeError } from '../dispatch/failures.js';
import { answerFailedMessages, answerSafely, containHooks } from './nest-gateways.js';
import type { ServerHost } from './server-host.js';

/** An acknowledgement; `own` is socket.io's, which a method may call itself. */
type Acknowledge = ((answer: unknown) => void) & { own?: Acknowledge };
type Handlers = Parameters<IoAdapter['bindMessageHandlers']>[1];

/**
 * The application's WebSocket adapter: Nest's own gateways get the same server, path and namespaces as ours, and
 * the same copy of socket.io.
 */
export class FlaskSocketAdapter extends IoAdapter {
  /** For other copies of the package: it is of this one. */
  readonly [COPY] = HERE;

  constructor(
    private readonly host: ServerHost,
    private readonly parts: { path: () => string; log: Log; gateways: () => readonly object[] },
  ) {
    super();
    answerFailedMessages();
  }

  /** Port 0 and the path of the application: the shared server. Anything else: a server of its own. */
  override createIOServer(port: number, options: object = {}): never {
    for (const gateway of this.parts.gateways()) containHooks(gateway); // Nest is about to look for them
    return this.#serverFor(port, options) as never; // the platform's types are those of its own socket.io copy
  }

  /** What a gateway's method returns is sent by the adapter, where what cannot be sent would end the process. */
  override bindMessageHandlers(
    ...[socket, handlers, transform]: Parameters<IoAdapter['bindMessageHandlers']>
  ): void {
    super.bindMessageHandlers(socket, handlers.map(withOwnAcknowledgement), (data: unknown) =>
      transform(data).pipe(filter((response) => !this.#sendEvent(socket, response))),
    );
  }

  override mapPayload(payload: unknown): ReturnType<IoAdapter['mapPayload']> {
    const mapped = super.mapPayload(payload);
    const ack = mapped.ack as Acknowledge | undefined;
    return ack ? { ...mapped, ack: this.#guarded(ack) } : mapped;
  }

  #guarded(ack: Acknowledge): Acknowledge {
    const guarded = (answer: unknown) => {
      const thrown = answerSafely(ack, answer);
      if (thrown !== undefined) this.#cannotSend('An answer', thrown);
    };
    return Object.assign(guarded, { own: ack });
  }

  /** Nest's form of an answer as an event: `{ event, data }`. */
  #sendEvent(socket: Pick<Socket, 'emit'>, response: unknown): boolean {
    const { event, data } = (response ?? {}) as { event?: string; data?: unknown };
    if (!event) return false;
    try {
      socket.emit(event, data);
    } catch (thrown) {
      this.#cannotSend(`Event ${printable(event)}`, thrown);
      socket.emit(EXCEPTION_EVENT, safeError(thrown));
    }
    return true;
  }

  #cannotSend(what: string, thrown: unknown): void {
    this.parts.log.error(
      `${what} of a gateway cannot be sent: ${describeThrown(thrown)}`,
      `gateway ${nameOfThrown(thrown)}`,
    );
  }

  /** The shared server ends with the application, after its handlers have. */
  override async close(server: Parameters<IoAdapter['close']>[0]): Promise<void> {
    if ((server as unknown) !== this.host.existing) await super.close(server); // another copy's type
  }

  #serverFor(port: number, options: Partial<ServerOptions>): Server {
    if (port !== 0) return new Server(port, options);
    const { path = this.parts.path() } = options;
    if (path.replace(/^\/?|\/$/g, '') === this.parts.path().replace(/^\/?|\/$/g, ''))
      return this.host.open(options);
    return new Server(this.host.httpServer, options);
  }
}

/** A method gets socket.io's own acknowledgement function; an error of it is thrown in the method. */
function withOwnAcknowledgement({ callback, ...handler }: Handlers[number]): Handlers[number] {
  return {
    ...handler,
    callback: (data: unknown, ack?: Acknowledge) => callback(data, ack?.own ?? ack),
  };
}
