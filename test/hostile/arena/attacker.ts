import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';

/** How a client shakes hands; what follows in the address, and the options of ws. */
export interface Handshake extends ClientOptions {
  query?: string;
}

/** A client over WebSocket that keeps nothing of what it is sent, so that a flood costs it little. */
export class Attacker {
  /** How many messages came. */
  received = 0;
  /** Whether it answers heartbeats. */
  isAlive = true;
  readonly #awaited = new Map<string, (text: string) => void>();

  private constructor(readonly socket: WebSocket) {
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => this.#take(data));
  }

  /** Shakes hands, nothing more. */
  static async open(url: string, { query = '', ...options }: Handshake = {}): Promise<Attacker> {
    const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket${query}`;
    const attacker = new Attacker(new WebSocket(address, options));
    onTestFinished(() => attacker.socket.terminate());
    await attacker.answer('0');
    return attacker;
  }

  /** Is connected to a namespace. */
  static async connect(url: string, namespace = '/', options: Handshake = {}): Promise<Attacker> {
    const attacker = await Attacker.open(url, options);
    const prefix = namespace === '/' ? '' : `${namespace},`;
    attacker.socket.send(`40${prefix}`);
    await attacker.answer(`40${prefix}{`);
    return attacker;
  }

  /** Sends an event and waits for its acknowledgement. */
  async ask(id: number, event: string, ...values: unknown[]): Promise<string> {
    this.socket.send(`42${id}${JSON.stringify([event, ...values])}`);
    return this.answer(`43${id}[`);
  }

  /** The next message that begins so. */
  answer(prefix: string): Promise<string> {
    return new Promise((resolve) => void this.#awaited.set(prefix, resolve));
  }

  /** Resolves when the connection has ended. */
  async closed(): Promise<void> {
    if (this.socket.readyState !== WebSocket.CLOSED) await once(this.socket, 'close');
  }

  #take(data: Buffer): void {
    this.received++;
    if (this.isAlive && data.length === 1 && data[0] === PING) this.socket.send('3');
    if (this.#awaited.size === 0) return;
    const text = data.toString();
    for (const [prefix, resolve] of this.#awaited) {
      if (!text.startsWith(prefix)) continue;
      this.#awaited.delete(prefix);
      resolve(text);
    }
  }
}

const PING = 0x32;
