import type { IncomingMessage, Server } from 'node:http';
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

/** One end of a connection that never leaves the process: what is written here is read there. */
class MemorySocket extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  peer: MemorySocket | undefined;
  #continue: (() => void) | undefined;

  constructor(private readonly moved: () => void) {
    super({ allowHalfOpen: false });
  }

  // What Node's HTTP server asks of a socket, and what has no meaning here.
  setTimeout = (): this => this;
  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  ref = (): this => this;
  unref = (): this => this;

  override _read(): void {
    const go = this.#continue;
    this.#continue = undefined;
    go?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.moved();
    const { peer } = this;
    if (!peer || peer.destroyed || peer.push(chunk)) done();
    else peer.#continue = done;
  }

  override _final(done: () => void): void {
    const { peer } = this;
    if (peer && !peer.destroyed) peer.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { peer } = this;
    this.peer = undefined;
    if (peer && !peer.destroyed) peer.push(null); // what was written before can still be read
    done(error);
  }
}

/** Where a test client goes, and as whom. */
export interface Handshake {
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
}

/** A WebSocket to an HTTP server, without a port; `moved` is called whenever bytes go either way. */
export function openWebSocket(server: Server, handshake: Handshake, moved: () => void): WebSocket {
  const search = new URLSearchParams({ ...handshake.query, EIO: '4', transport: 'websocket' });
  const createConnection = () => connect(server, moved);
  return new WebSocket(`ws://127.0.0.1${handshake.path}/?${search.toString()}`, {
    headers: handshake.headers,
    perMessageDeflate: false,
    createConnection: createConnection as never, // ws types it as a net.Socket
  });
}

/** Hands the server the other end, as its documentation of the `connection` event allows. */
function connect(server: Server, moved: () => void): MemorySocket {
  const near = new MemorySocket(moved);
  const far = new MemorySocket(moved);
  near.peer = far;
  far.peer = near;
  server.emit('connection', far);
  return near;
}

/** Why the server refused a handshake. */
export async function reasonOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString() || `HTTP ${response.statusCode}`;
}
