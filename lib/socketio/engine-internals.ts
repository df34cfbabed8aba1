import { IncomingMessage } from 'node:http';
import { Socket as TcpSocket } from 'node:net';
import type { Server, Socket } from 'socket.io';

/*
 * The parts of engine.io 6.6 that its types keep private, in one place. Each is stable since 4.0:
 * - Server.clients: the connections, by id;
 * - Transport.onClose(): a transport has ended; over polling a request that waits is answered first;
 * - Polling.dataReq: a request with data that is being read; Polling.shouldClose(): ends a transport that waits for
 *   its client's next request to do so;
 * - Socket.writeBuffer: the packets that wait for the transport; Socket.upgrading: it is about to be replaced;
 * - WebSocket.socket: what serves that transport; of ws, Receiver._totalPayloadLength: how long its message is;
 * - Transport.onError(message, description): ends the connection for an error;
 * - Socket.request: the HTTP request that opened the connection; over WebTransport there is none.
 */

/** A connection of the engine, whatever its transport. */
export type EngineConnection = Socket['conn'];

interface TransportInternals {
  readonly name: string;
  readonly socket?: { terminate?: () => void; readonly _receiver?: { readonly _totalPayloadLength: number } };
  readonly dataReq?: { destroy(): void } | null;
  readonly shouldClose?: (() => void) | null;
  onClose(): void;
  onError(message: string, description?: unknown): void;
}

interface ConnectionInternals {
  readonly transport: TransportInternals;
  readonly upgrading: boolean;
  readonly writeBuffer: readonly unknown[];
}

const inner = (connection: EngineConnection) => connection as unknown as ConnectionInternals; // typed private

/** All engine connections, also those without a namespace. */
export function connectionsOf(server: Server): EngineConnection[] {
  const { engine } = server as unknown as { engine?: { clients: Record<string, EngineConnection> } }; // typed private
  return Object.values(engine?.clients ?? {});
}

/**
 * Ends a connection so that every client comes back, after what waits for it has been sent. Over polling engine.io
 * says goodbye with a packet that is final for some clients (python-socketio's); here the next request is refused, as
 * that of an unknown client is.
 */
export function closeForReconnect(connection: EngineConnection): void {
  const { transport, upgrading, writeBuffer } = inner(connection);
  if (transport.name !== 'polling') return connection.close();
  // A client that has paused polling for another transport would wait for it until its heartbeat ends.
  if (upgrading) return void connection.once('upgrade', () => closeForReconnect(connection));
  if (writeBuffer.length === 0) return endPolling(transport);
  connection.once('drain', () => closeForReconnect(connection)); // by then it may be another transport
}

/** Ends a connection at once, whatever its client does, and is still to get. */
export function cutOff(connection: EngineConnection): void {
  const { transport } = inner(connection);
  if (transport.name === 'polling') return endPolling(transport);
  connection.close(true);
  transport.socket?.terminate?.();
}

/** A request that waits is answered, one that is still coming is not read. */
function endPolling(transport: TransportInternals): void {
  transport.dataReq?.destroy();
  transport.onClose();
}

/**
 * Once the connection is gone, nobody can ask for its transport's last word any more: engine.io would keep it for
 * half a minute, and the process with it.
 */
export function expectNobody(connection: EngineConnection): void {
  if (connection.transport.name !== 'polling') return;
  connection.once('close', () => inner(connection).transport.shouldClose?.());
}

/** Gives a connection without an HTTP request (WebTransport) an empty one, for code that reads it. */
export function ensureRequest(connection: EngineConnection): void {
  if (connection.request) return;
  const request = new IncomingMessage(Object.assign(new TcpSocket(), { encrypted: true }));
  (connection as { request: IncomingMessage }).request = request;
}

/** Ends the connection of an engine's client for a message that is too large. */
export function failTransport(
  engine: Server['engine'],
  sid: string,
  { message, size }: { message: string; size: number },
): void {
  const { clients } = engine as unknown as { clients: Record<string, EngineConnection> }; // typed private
  if (Object.hasOwn(clients, sid)) inner(clients[sid]!).transport.onError(message, size);
}

/** How large the message was for which a transport failed, if anybody knows. */
export function sizeOfRefused(
  connection: EngineConnection,
  { description }: Error & { description?: unknown },
) {
  return typeof description === 'number' ? description : inner(connection).transport.socket?._receiver?._totalPayloadLength; // prettier-ignore
}
