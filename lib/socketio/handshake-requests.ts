import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Server } from 'socket.io';
import type { EngineConnection } from './engine-internals.js';

/*
 * How requests for new connections reach engine.io 6.6. Private in its types:
 * - that engine.io itself calls what is put in the place of Server.handleRequest() and Server.handleUpgrade();
 * - Server.prepare(request), IncomingMessage._query: a request's query; one with a `sid` is of a connection that exists.
 */

/** Why a client gets no connection, and after how many seconds it may ask again. */
export interface HandshakeRefusal {
  message: string;
  retryAfter: number;
}

/** Decides about requests for new connections before anybody else is asked, middlewares of the engine included. */
export interface HandshakeGate {
  /** A request for a new connection. */
  enter(request: IncomingMessage): HandshakeRefusal | undefined;
  /** The request has ended; of one of which a connection has come, nobody may hear. */
  ended(request: IncomingMessage): void;
}

type Engine = Server['engine'];
type Query = { _query?: { sid?: string } };

/** engine.io's code for a client that is not let in. */
const FORBIDDEN = 4;

/** Every request for a new connection passes the gate. */
export function guardHandshakes(engine: Engine, gate: HandshakeGate): void {
  const expectEnd = endsOfRequests(engine, gate);
  const handleRequest = engine.handleRequest.bind(engine);
  engine.handleRequest = (request: Parameters<typeof handleRequest>[0], response: ServerResponse) => {
    if (request.method !== 'GET' || isOfConnection(engine, request)) return handleRequest(request, response);
    const refusal = gate.enter(request);
    if (refusal) return refuseRequest(response, refusal, report(engine, request, refusal));
    expectEnd(request, response);
    handleRequest(request, response);
  };
  const handleUpgrade = engine.handleUpgrade.bind(engine);
  engine.handleUpgrade = (request: Parameters<typeof handleUpgrade>[0], socket: Duplex, head: Buffer) => {
    if (isOfConnection(engine, request)) return handleUpgrade(request, socket, head);
    const refusal = gate.enter(request);
    if (refusal) return refuseUpgrade(socket, refusal, report(engine, request, refusal));
    expectEnd(request, socket);
    handleUpgrade(request, socket, head);
  };
}

/** Tells the gate when a request ends without a connection: with its response, or with its TCP connection. */
function endsOfRequests(engine: Engine, gate: HandshakeGate) {
  const pending = new WeakMap<IncomingMessage, () => void>();
  engine.prependListener('connection', (connection: EngineConnection) => {
    pending.get(connection.request)?.();
  });
  return (request: IncomingMessage, carrier: ServerResponse | Duplex): void => {
    const ended = () => gate.ended(request);
    carrier.once('close', ended);
    pending.set(request, () => carrier.off('close', ended));
  };
}

function isOfConnection(engine: Engine, request: IncomingMessage): boolean {
  (engine as unknown as { prepare(request: IncomingMessage): void }).prepare(request); // typed private
  return Boolean((request as Query)._query?.sid);
}

/** What monitors listen to for every client that is not let in. */
function report(engine: Engine, req: IncomingMessage, { message }: HandshakeRefusal): string {
  engine.emit('connection_error', { req, code: FORBIDDEN, message: 'Forbidden', context: { message } });
  return JSON.stringify({ code: FORBIDDEN, message });
}

function refuseRequest(response: ServerResponse, { retryAfter }: HandshakeRefusal, body: string): void {
  response.writeHead(429, { 'Content-Type': 'application/json', 'Retry-After': retryAfter }).end(body);
}

/** engine.io would answer an upgrade with 400. */
function refuseUpgrade(socket: Duplex, { retryAfter }: HandshakeRefusal, body: string): void {
  const head = [
    'HTTP/1.1 429 Too Many Requests',
    'Connection: close',
    'Content-Type: application/json',
    `Retry-After: ${retryAfter}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.on('error', () => {});
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
