import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, Server } from 'node:http';
import { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { WebSocket } from 'ws';
import { failure } from '../common/errors.js';
import { nextTurn } from './real-time.js';

/** The URL and headers of a test client's handshake. */
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

type Done = (error?: Error | null) => void;

/** Counts what moves between the ends of connections. */
export interface Traffic {
  moved: number;
}

/**
 * One end of a connection that never leaves the process. As from a network, what is written here is read there as a
 * copy, in a later turn of the event loop, and in the asynchronous context of who opened the connection; a writer
 * waits for a slow reader.
 */
class MemorySocket extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  /** The other end. */
  peer: MemorySocket | undefined;
  readonly #context = new AsyncResource('MemorySocket');
  #waitingWriter: Done | undefined;

  constructor(
    private readonly traffic: Traffic,
    readonly encrypted: boolean,
  ) {
    super({ allowHalfOpen: false });
  }

  // What Node's HTTP server asks of a socket, and what has no meaning here.
  setTimeout = (): this => this;
  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  ref = (): this => this;
  unref = (): this => this;

  override _read(): void {
    this.#letWrite();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#later((peer) => peer.#take([chunk], done), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const all = chunks.map(({ chunk }) => chunk);
    this.#later((peer) => peer.#take(all, done), done);
  }

  override _final(done: Done): void {
    this.#later((peer) => {
      peer.push(null);
      done();
    }, done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#later(
      (peer) => peer.#hangUp(),
      () => {},
    );
    this.#letWrite();
    done(error);
  }

  #later(arrive: (peer: MemorySocket) => void, lost: Done): void {
    const { peer, traffic } = this;
    traffic.moved++;
    nextTurn(() => {
      traffic.moved++;
      if (!peer || peer.destroyed) lost();
      else peer.#context.runInAsyncScope(arrive, undefined, peer);
    });
  }

  #take(chunks: readonly Buffer[], done: Done): void {
    const wantsMore = this.push(Buffer.concat(chunks));
    if (wantsMore) done();
    else this.#waitingWriter = done;
  }

  #letWrite(): void {
    const done = this.#waitingWriter;
    this.#waitingWriter = undefined;
    done?.();
  }

  #hangUp(): void {
    this.push(null);
  }
}

/** The two ends of a connection in memory. */
export function memoryConnection(traffic: Traffic, encrypted: boolean): [near: Duplex, far: Duplex] {
  const near = new MemorySocket(traffic, encrypted);
  const far = new MemorySocket(traffic, encrypted);
  near.peer = far;
  far.peer = near;
  return [near, far];
}

interface CookieJar {
  getCookies(access: object): { toValueString(): string }[];
}

/** A supertest (superagent) agent that has logged in, or the text of a `Cookie` header. */
export type HttpAgent = string | { jar: unknown };

/** The `Cookie` header that an agent would send. */
export function cookieHeader(
  agent: HttpAgent,
  { path, secure }: { path: string; secure: boolean },
): { cookie?: string } {
  if (typeof agent === 'string') return { cookie: agent };
  const jar = agent.jar as Partial<CookieJar> | undefined;
  if (!jar?.getCookies) throw failure('FSK_TEST_INVALID_AGENT');
  const found = jar.getCookies({ domain: '127.0.0.1', path, secure, script: false });
  const cookie = [...found].map((each) => each.toValueString()).join('; ');
  return cookie ? { cookie } : {};
}
