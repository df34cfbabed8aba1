import { AsyncResource } from 'node:async_hooks';
import { Duplex } from 'node:stream';
import { nextTurn } from './real-time.js';

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
