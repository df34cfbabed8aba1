import { describeThrown, nameOfThrown, printable, summarizeThrown } from '../common/printable.js';
import { EXCEPTION_EVENT } from '../common/constants.js';
import { guarded } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { connectionOf } from '../socketio/socket-internals.js';
import { WsExceptionsHandler } from '../handlers/nest-internals.js';
import { isClientError, safeError } from '../dispatch/failures.js';

/*
 * Nest's own gateways on our server. An error that their hooks throw would end the process, a filter's error, too, and
 * a method that fails leaves its client's acknowledgement open. Nest has no place to listen to any of these, so three
 * of its functions are wrapped. What is wrapped looks at the client: one that is not ours is none of our business.
 */

const WRAPPED = Symbol.for('nestjs-flask-socket: contained');

type Method = (this: unknown, ...values: unknown[]) => unknown;

/** What Nest hands an error to, with its exception filters (private in its types). */
interface ExceptionsHandler {
  filters: { func: Method }[];
  handle(error: unknown, host: Failed['host']): unknown;
}

/** An error, and of what: client, data, acknowledgement, pattern. */
interface Failed {
  error: unknown;
  host: { getArgs(): unknown[] };
}

/** `handleConnection()` and `handleDisconnect()` of a gateway: what they throw is logged, and refuses a client. */
export function containHooks(gateway: object): void {
  const { name } = gateway.constructor;
  contain(gateway, 'handleConnection', (connection, thrown) => {
    report(connection, `${name}.handleConnection()`, thrown);
    tell(connection, safeError(thrown));
    connection.socket.disconnect();
  });
  contain(gateway, 'handleDisconnect', (connection, thrown) => {
    report(connection, `${name}.handleDisconnect()`, thrown);
  });
}

function contain(
  gateway: object,
  name: string,
  failed: (connection: Connection, thrown: unknown) => void,
): void {
  const hook: unknown = Reflect.get(gateway, name);
  if (typeof hook !== 'function' || Object.hasOwn(hook, WRAPPED)) return;
  const contained: Method = function contained(...values) {
    const connection = connectionOfClient(values[0]);
    const call = () => Reflect.apply(hook, this, values) as unknown;
    return connection ? guarded(call, (thrown) => failed(connection, thrown)) : call();
  };
  const value = Object.assign(contained, { [WRAPPED]: true });
  Reflect.defineProperty(gateway, name, { value, configurable: true, writable: true, enumerable: false });
}

/** What `@SubscribeMessage()` methods throw: an acknowledgement that is open after the filters gets the safe answer. */
export function answerFailedMessages(): void {
  const prototype = WsExceptionsHandler.prototype as unknown as ExceptionsHandler; // private in its type
  const handle = Reflect.get(prototype, 'handle');
  if (Object.hasOwn(handle, WRAPPED)) return;
  const answering: ExceptionsHandler['handle'] = function answering(this: ExceptionsHandler, error, host) {
    const connection = connectionOfClient(host.getArgs()[0]);
    if (!connection) return handle.call(this, error, host);
    void handleAndAnswer(connection, { error, host, handle: resultOf.bind(this, handle) });
  };
  prototype.handle = Object.assign(answering, { [WRAPPED]: true });
}

async function handleAndAnswer(
  connection: Connection,
  { error, host, handle }: Failed & { handle: (failed: Failed) => unknown },
): Promise<void> {
  try {
    await handle({ error, host });
  } catch (second) {
    failedTwice(connection, { first: error, second });
  }
  const acknowledge = host.getArgs()[2];
  if (typeof acknowledge === 'function') answerSafely(acknowledge as Method, safeError(error));
}

/** Lets Nest handle an error. It drops what the filter returns, which may be a promise; here it is the result. */
function resultOf(
  this: ExceptionsHandler,
  handle: ExceptionsHandler['handle'],
  { error, host }: Failed,
): unknown {
  let result: unknown;
  const filters = this.filters.map((filter) => ({
    ...filter,
    func: (...values: unknown[]) => (result = filter.func(...values)),
  }));
  handle.call(Object.assign(Object.create(this) as ExceptionsHandler, { filters }), error, host);
  return result;
}

/** socket.io ignores an answer after the first, and throws where it cannot encode one. */
export function answerSafely(acknowledge: Method, answer: unknown): unknown {
  try {
    acknowledge(answer);
  } catch (thrown) {
    acknowledge(safeError(undefined));
    return thrown;
  }
}

/** Logs both errors; the client receives the first. */
function failedTwice(connection: Connection, { first, second }: { first: unknown; second: unknown }): void {
  report(connection, 'a gateway', first);
  report(connection, 'the filter that handled that error', second);
  tell(connection, safeError(first));
}

function report({ socket, runtime }: Connection, where: string, thrown: unknown): void {
  const isMistake = isClientError(thrown);
  const what = isMistake ? summarizeThrown(thrown) : describeThrown(thrown);
  const line = `Error in ${where} for ${printable(socket.nsp.name)}, sid ${socket.id}: ${what}`;
  if (isMistake) runtime.logger.debug?.(line, `${where} ${nameOfThrown(thrown)}`);
  else runtime.logger.error(line, `${where} ${nameOfThrown(thrown)}`);
}

function tell({ socket }: Connection, safe: unknown): void {
  try {
    socket.emit(EXCEPTION_EVENT, safe);
  } catch {
    // what cannot be sent is not
  }
}

function connectionOfClient(client: unknown): Connection | undefined {
  return typeof client === 'object' && client !== null ? connectionOf(client as never) : undefined;
}
