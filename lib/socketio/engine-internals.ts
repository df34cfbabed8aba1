import { IncomingMessage } from 'node:http';
import { Socket as TcpSocket } from 'node:net';
import type { Server, Socket } from 'socket.io';
import { PacketType } from '../common/constants.js';
import { dropProto } from '../common/prototype-keys.js';

/*
 * Private members of engine.io 6.6 that are used here, all stable since 4.0:
 * - Server.clients: the connections by id;
 * - Transport.onClose(): ends a transport. The polling transport first answers the request that waits;
 * - Transport.onError(message, description): ends the connection with an error;
 * - Polling.dataReq: the POST that is being read;
 * - Polling.shouldClose(): set while a closing transport waits up to 30 s for the client's next request; ends the wait;
 * - Socket.writeBuffer: the packets that wait for the transport;
 * - Socket.onClose(reason, description): ends the connection, its transport included;
 * - Socket.upgrading: the transport is about to be replaced;
 * - Socket.request: the HTTP request that opened the connection; a WebTransport connection has none;
 * - WebSocket.socket: the WebSocket of that transport, and Receiver._totalPayloadLength of ws: the length of a message.
 */

/** A connection of engine.io, over any transport. */
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
  readonly protocol: number;
  readonly upgrading: boolean;
  readonly writeBuffer: readonly unknown[];
  onClose(reason: string, description?: Error): void;
}

const internalsOf = (connection: EngineConnection) => connection as unknown as ConnectionInternals; // typed private

/** All connections, including those that are in no namespace. */
export function connectionsOf(server: Server): EngineConnection[] {
  const { engine } = server as unknown as { engine?: { clients: Record<string, EngineConnection> } }; // typed private
  return Object.values(engine?.clients ?? {});
}

/**
 * Ends a connection after the waiting packets have been sent, and so that every client reconnects. Over polling,
 * engine.io would send a close packet, after which some clients (python-socketio) do not reconnect. Here none is sent,
 * and the client's next request is refused as that of an unknown client.
 */
export function closeForReconnect(connection: EngineConnection): void {
  const { transport, upgrading, writeBuffer } = internalsOf(connection);
  if (transport.name !== 'polling') return connection.close();
  // A client that is upgrading has paused polling, and would wait until its ping timeout.
  if (upgrading) return void connection.once('upgrade', () => closeForReconnect(connection));
  if (writeBuffer.length === 0) return endPolling(transport);
  connection.once('drain', () => closeForReconnect(connection)); // the transport may have changed by then
}

/** Ends a connection at once. Waiting packets are dropped, and the client's close is not awaited. */
export function terminate(connection: EngineConnection): void {
  const { transport } = internalsOf(connection);
  if (transport.name === 'polling') return endPolling(transport);
  connection.close(true);
  transport.socket?.terminate?.();
}

/** Ends a connection at once, as {@link terminate} does, for a reason that its sockets hear of. Its client reconnects. */
export function terminateFor(connection: EngineConnection, reason: string, description: Error): void {
  const { transport } = internalsOf(connection);
  if (transport.name === 'polling') {
    connection.transport.removeAllListeners('close'); // which would tell the connection another reason
    endPolling(transport);
  }
  internalsOf(connection).onClose(reason, description);
  transport.socket?.terminate?.();
}

/** Ends the WebSocket of a transport at once. */
export function terminateTransport(transport: EngineConnection['transport']): void {
  (transport as unknown as TransportInternals).socket?.terminate?.(); // typed private
}

/** Answers the waiting request, and stops reading a POST. */
function endPolling(transport: TransportInternals): void {
  transport.dataReq?.destroy();
  transport.onClose();
}

/**
 * Lets a polling transport end with its connection. engine.io would wait up to 30 s for the client's next request,
 * which it could not answer without the connection, and the process could not exit meanwhile.
 */
export function skipCloseTimeout(connection: EngineConnection): void {
  if (connection.transport.name !== 'polling') return;
  connection.once('close', () => internalsOf(connection).transport.shouldClose?.());
}

/** Gives a connection without an HTTP request (WebTransport) an empty one, because code of applications reads it. */
export function addMissingRequest(connection: EngineConnection): void {
  if (connection.request) return;
  const request = new IncomingMessage(Object.assign(new TcpSocket(), { encrypted: true }));
  (connection as { request: IncomingMessage }).request = request;
}

/** Refuses a client that is in no namespace: tells it why, and ends its connection without waiting for its answer. */
export function refuseConnection({ encoder }: Server, connection: EngineConnection, message: string): void {
  const { transport, protocol } = internalsOf(connection);
  const data = protocol === 3 ? message : { message };
  for (const part of encoder.encode({ type: PacketType.CONNECT_ERROR, nsp: '/', data }))
    connection.write(part);
  if (transport.name === 'polling') return endPolling(transport);
  connection.close();
  setImmediate(() => terminate(connection)); // by now what was written has left
}

const MOST_BYTES: unique symbol = Symbol('nestjs-flask-socket most bytes of a POST');
type Limited = EngineConnection & { [MOST_BYTES]?: number | undefined };

/** Limits the body of a client's POST to less than option `maxHttpBufferSize`, or without `bytes` no more. */
export function limitBodies(connection: EngineConnection, bytes?: number): void {
  (connection as Limited)[MOST_BYTES] = bytes;
}

/** The most bytes that the body of a client's POST may have. */
export function bodyLimitOf({ opts }: Server['engine'], connection: EngineConnection): number {
  return Math.min((connection as Limited)[MOST_BYTES] ?? Infinity, opts.maxHttpBufferSize ?? Infinity);
}

/** The connection with this id, if there is one. */
export function connectionById(server: Server, id: string): EngineConnection | undefined {
  const { clients } = server.engine as unknown as { clients: Record<string, EngineConnection> }; // typed private
  return Object.hasOwn(clients, id) ? clients[id] : undefined;
}

/** Removes a parameter `__proto__` from the query that becomes `socket.handshake.query`. */
export function dropProtoParameter({ request }: EngineConnection): void {
  dropProto((request as { _query?: object })._query); // engine.io's own
}

/** Ends a connection because of a message that is too large. */
export function failTransport(
  engine: Server['engine'],
  sid: string,
  { message, size }: { message: string; size: number },
): void {
  const { clients } = engine as unknown as { clients: Record<string, EngineConnection> }; // typed private
  if (Object.hasOwn(clients, sid)) internalsOf(clients[sid]!).transport.onError(message, size);
}

/** The size of the message that was too large, if it is known. */
export function sizeOfTooLarge(
  connection: EngineConnection,
  { description }: Error & { description?: unknown },
) {
  return typeof description === 'number' ? description : internalsOf(connection).transport.socket?._receiver?._totalPayloadLength; // prettier-ignore
}
