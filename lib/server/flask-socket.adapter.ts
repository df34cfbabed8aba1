import { IoAdapter } from '@nestjs/platform-socket.io';
import { filter } from 'rxjs';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import { EXCEPTION_EVENT } from '../common/constants.js';
import { COPY, HERE } from '../common/copies.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown, printable, summarizeThrown } from '../common/printable.js';
import { guarded } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { isClientError, safeError } from '../dispatch/failures.js';
import { WsExceptionsHandler } from '../handlers/nest-internals.js';
import { connectionOf } from '../socketio/socket-internals.js';
import type { ServerHost } from './server-host.js';

/** The acknowledgement of a message. `original` is socket.io's, which a method receives through `@Ack()`. */
type Acknowledge = ((answer: unknown) => void) & { original?: Acknowledge };
type Handlers = Parameters<IoAdapter['bindMessageHandlers']>[1];

/** The application's WebSocket adapter: Nest's own gateways share our server, its path and our copy of socket.io. */
export class FlaskSocketAdapter extends IoAdapter {
  /** Tells other copies of the package that this one set the adapter. */
  readonly [COPY] = HERE;

  constructor(
    private readonly host: ServerHost,
    private readonly parts: { path: () => string; log: Log; gateways: () => readonly object[] },
  ) {
    super();
    acknowledgeFailedMessages();
  }

  /** Port 0 with the application's path is the shared server. Any other port or path gets a server of its own. */
  override createIOServer(port: number, options: object = {}): never {
    for (const gateway of this.parts.gateways()) catchHookErrors(gateway); // before Nest reads the hooks
    return this.#serverFor(port, options) as never; // the platform may have types of another socket.io copy
  }

  /** Sends what a gateway's method returns as an event. In Nest's adapter, a failure of `emit` would end the process. */
  override bindMessageHandlers(
    ...[socket, handlers, transform]: Parameters<IoAdapter['bindMessageHandlers']>
  ): void {
    super.bindMessageHandlers(socket, handlers.map(withOriginalAcknowledgement), (data: unknown) =>
      transform(data).pipe(filter((response) => !this.#sendEvent(socket, response))),
    );
  }

  override mapPayload(payload: unknown): ReturnType<IoAdapter['mapPayload']> {
    const mapped = super.mapPayload(payload);
    const ack = mapped.ack as Acknowledge | undefined;
    return ack ? { ...mapped, ack: this.#safeAcknowledge(ack) } : mapped;
  }

  #safeAcknowledge(ack: Acknowledge): Acknowledge {
    const safe = (answer: unknown) => {
      const thrown = acknowledgeSafely(ack, answer);
      if (thrown !== undefined) this.#logUnsendable('An answer', thrown);
    };
    return Object.assign(safe, { original: ack });
  }

  /** Sends Nest's `{ event, data }`. Returns whether the response has that form. */
  #sendEvent(socket: Pick<Socket, 'emit'>, response: unknown): boolean {
    const { event, data } = (response ?? {}) as { event?: string; data?: unknown };
    if (!event) return false;
    try {
      socket.emit(event, data);
    } catch (thrown) {
      this.#logUnsendable(`Event ${printable(event)}`, thrown);
      socket.emit(EXCEPTION_EVENT, safeError(thrown));
    }
    return true;
  }

  #logUnsendable(what: string, thrown: unknown): void {
    this.parts.log.error(
      `${what} of a gateway cannot be sent: ${describeThrown(thrown)}`,
      `gateway ${nameOfThrown(thrown)}`,
    );
  }

  /** Leaves the shared server open: `Shutdown` closes it, after the handlers have ended. */
  override async close(server: Parameters<IoAdapter['close']>[0]): Promise<void> {
    if ((server as unknown) !== this.host.existing) await super.close(server); // the type of another copy
  }

  #serverFor(port: number, options: Partial<ServerOptions>): Server {
    if (port !== 0) return new Server(port, options);
    const { path = this.parts.path() } = options;
    if (path.replace(/^\/?|\/$/g, '') === this.parts.path().replace(/^\/?|\/$/g, ''))
      return this.host.open(options);
    return new Server(this.host.httpServer, options);
  }
}

/** Passes socket.io's acknowledgement function to the method, so that an error of it is thrown in the method. */
function withOriginalAcknowledgement({ callback, ...handler }: Handlers[number]): Handlers[number] {
  return {
    ...handler,
    callback: (data: unknown, ack?: Acknowledge) => callback(data, ack?.original ?? ack),
  };
}

/*
 * Errors in Nest's own gateways. In plain Nest, an error of a hook or of an exception filter ends the process, and a
 * method that fails never acknowledges its message. Nest has no event for these errors, so three of its functions are
 * wrapped here. The wrappers act only for clients of our server.
 */

const WRAPPED = Symbol.for('nestjs-flask-socket: contained');

type Method = (this: unknown, ...values: unknown[]) => unknown;

/** Nest's handler of a method's error, with its exception filters (private in its types). */
interface ExceptionsHandler {
  filters: { func: Method }[];
  handle(error: unknown, host: FailedMessage['host']): unknown;
}

/** A message that failed. The arguments of its host are client, data, acknowledgement and pattern. */
interface FailedMessage {
  error: unknown;
  host: { getArgs(): unknown[] };
}

/** Logs what `handleConnection()` and `handleDisconnect()` of a gateway throw. The former also refuses the client. */
export function catchHookErrors(gateway: object): void {
  const { name } = gateway.constructor;
  catchErrors(gateway, 'handleConnection', (connection, thrown) => {
    logError(connection, `${name}.handleConnection()`, thrown);
    emitException(connection, safeError(thrown));
    connection.socket.disconnect();
  });
  catchErrors(gateway, 'handleDisconnect', (connection, thrown) => {
    logError(connection, `${name}.handleDisconnect()`, thrown);
  });
}

function catchErrors(
  gateway: object,
  name: string,
  failed: (connection: Connection, thrown: unknown) => void,
): void {
  const hook: unknown = Reflect.get(gateway, name);
  if (typeof hook !== 'function' || Object.hasOwn(hook, WRAPPED)) return;
  const wrapper: Method = function wrapper(...values) {
    const connection = connectionOfClient(values[0]);
    const call = () => Reflect.apply(hook, this, values) as unknown;
    return connection ? guarded(call, (thrown) => failed(connection, thrown)) : call();
  };
  const value = Object.assign(wrapper, { [WRAPPED]: true });
  Reflect.defineProperty(gateway, name, { value, configurable: true, writable: true, enumerable: false });
}

/** Acknowledges messages whose `@SubscribeMessage()` method has failed, with the safe error, after the exception filters. */
export function acknowledgeFailedMessages(): void {
  const prototype = WsExceptionsHandler.prototype as unknown as ExceptionsHandler; // private in its type
  const handle = Reflect.get(prototype, 'handle');
  if (Object.hasOwn(handle, WRAPPED)) return;
  const wrapper: ExceptionsHandler['handle'] = function wrapper(this: ExceptionsHandler, error, host) {
    const connection = connectionOfClient(host.getArgs()[0]);
    if (!connection) return handle.call(this, error, host);
    void handleAndAcknowledge(connection, { error, host, handle: filterResult.bind(this, handle) });
  };
  prototype.handle = Object.assign(wrapper, { [WRAPPED]: true });
}

async function handleAndAcknowledge(
  connection: Connection,
  { error, host, handle }: FailedMessage & { handle: (failed: FailedMessage) => unknown },
): Promise<void> {
  try {
    await handle({ error, host });
  } catch (second) {
    reportFilterError(connection, { first: error, second });
  }
  const acknowledge = host.getArgs()[2];
  if (typeof acknowledge === 'function') acknowledgeSafely(acknowledge as Method, safeError(error));
}

/** Lets Nest handle an error, and returns what the filter returns. Nest drops it, though it may be a promise. */
function filterResult(
  this: ExceptionsHandler,
  handle: ExceptionsHandler['handle'],
  { error, host }: FailedMessage,
): unknown {
  let result: unknown;
  const filters = this.filters.map((nestFilter) => ({
    ...nestFilter,
    func: (...values: unknown[]) => (result = nestFilter.func(...values)),
  }));
  handle.call(Object.assign(Object.create(this) as ExceptionsHandler, { filters }), error, host);
  return result;
}

/** Acknowledges; where socket.io cannot encode the answer, acknowledges with an error and returns what was thrown. */
export function acknowledgeSafely(acknowledge: Method, answer: unknown): unknown {
  try {
    acknowledge(answer);
  } catch (thrown) {
    acknowledge(safeError(undefined));
    return thrown;
  }
}

/** Logs the error of a method and that of the filter which handled it; the client receives the first. */
function reportFilterError(
  connection: Connection,
  { first, second }: { first: unknown; second: unknown },
): void {
  logError(connection, 'a gateway', first);
  logError(connection, 'the filter that handled that error', second);
  emitException(connection, safeError(first));
}

function logError({ socket, runtime }: Connection, where: string, thrown: unknown): void {
  const isExpected = isClientError(thrown);
  const what = isExpected ? summarizeThrown(thrown) : describeThrown(thrown);
  const line = `Error in ${where} for ${printable(socket.nsp.name)}, sid ${socket.id}: ${what}`;
  if (isExpected) runtime.logger.debug?.(line, `${where} ${nameOfThrown(thrown)}`);
  else runtime.logger.error(line, `${where} ${nameOfThrown(thrown)}`);
}

function emitException({ socket }: Connection, safe: unknown): void {
  try {
    socket.emit(EXCEPTION_EVENT, safe);
  } catch {
    // an error that cannot be encoded is not sent
  }
}

function connectionOfClient(client: unknown): Connection | undefined {
  return typeof client === 'object' && client !== null ? connectionOf(client as never) : undefined;
}
