import { AsyncResource } from 'node:async_hooks';
import { Duplex } from 'node:stream';
import { realSetImmediate } from './real-timers.js';

type Done = (error?: Error | null) => void;

/** Counts the transfers between the two ends of all connections, so that silence can be recognized. */
export interface Traffic {
  transfers: number;
}

/**
 * One end of a connection inside the process. It behaves like a network socket: the other end gets a copy of what is
 * written, later and in the async context in which the connection was opened, and a slow reader makes the writer wait.
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

  // Node's HTTP server calls these methods of a net.Socket. They have no effect here.
  setTimeout = (): this => this;
  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  ref = (): this => this;
  unref = (): this => this;

  override _read(): void {
    this.#resumeWriter();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#transfer((peer) => peer.#receive([chunk], done), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const all = chunks.map(({ chunk }) => chunk);
    this.#transfer((peer) => peer.#receive(all, done), done);
  }

  override _final(done: Done): void {
    this.#transfer((peer) => {
      peer.push(null);
      done();
    }, done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#transfer(
      (peer) => peer.#end(),
      () => {},
    );
    this.#resumeWriter();
    done(error);
  }

  /** Calls `deliver` later with the other end, or `lost` if that is destroyed by then. */
  #transfer(deliver: (peer: MemorySocket) => void, lost: Done): void {
    const { peer, traffic } = this;
    traffic.transfers++;
    realSetImmediate(() => {
      traffic.transfers++;
      if (!peer || peer.destroyed) lost();
      else peer.#context.runInAsyncScope(deliver, undefined, peer);
    });
  }

  #receive(chunks: readonly Buffer[], done: Done): void {
    const wantsMore = this.push(Buffer.concat(chunks));
    if (wantsMore) done();
    else this.#waitingWriter = done;
  }

  #resumeWriter(): void {
    const done = this.#waitingWriter;
    this.#waitingWriter = undefined;
    done?.();
  }

  #end(): void {
    this.push(null);
  }
}

/** The two ends of a connection inside the process. */
export function memorySocketPair(traffic: Traffic, encrypted: boolean): [client: Duplex, server: Duplex] {
  const client = new MemorySocket(traffic, encrypted);
  const server = new MemorySocket(traffic, encrypted);
  client.peer = server;
  server.peer = client;
  return [client, server];
}
