import type { IncomingMessage, Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import { WebSocket } from 'ws';
import { memoryConnection, type Traffic } from './memory-socket.js';

/** Where a test client goes, and as whom. */
export interface Handshake {
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
}

/** A WebSocket to an HTTP server, listening or not, without a port. */
export function openWebSocket(server: Server, handshake: Handshake, traffic: Traffic): WebSocket {
  const search = new URLSearchParams(handshake.query);
  search.set('EIO', '4');
  search.set('transport', 'websocket');
  return new WebSocket(`ws://127.0.0.1${handshake.path}/?${search.toString()}`, {
    headers: handshake.headers,
    perMessageDeflate: false,
    createConnection: (() => connect(server, traffic)) as never, // ws types it as a net.Socket
  });
}

/** Hands the server the other end of a connection, as Node documents for its `connection` events. */
function connect(server: Server, traffic: Traffic) {
  const encrypted = server instanceof TlsServer;
  const [near, far] = memoryConnection(traffic, encrypted);
  server.emit(encrypted ? 'secureConnection' : 'connection', far);
  return near;
}

/** Why the server refused a handshake. */
export async function reasonOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString() || `HTTP ${response.statusCode}`;
}
