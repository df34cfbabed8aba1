import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { RunningApp } from './app.js';
import { whenClosed } from './when-closed.js';
import { Journal } from './journal.js';

/** A client without a library: what is on the wire of a WebSocket connection, packet by packet, in its order. */
export class Wire {
  readonly #received = new Journal();
  #probes = 0;

  private constructor(
    readonly socket: WebSocket,
    private readonly answersPings: boolean,
  ) {
    socket.on('message', (data) => this.#take(String(data)));
    socket.on('error', () => {});
  }

  /** A handshake, nothing more: no namespace is asked for. */
  static async open(
    { port }: Pick<RunningApp, 'port'>,
    { answersPings = true, query = '' } = {},
  ): Promise<Wire> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket${query}`);
    const wire = new Wire(socket, answersPings);
    onTestFinished(() => socket.terminate());
    await wire.find((packet) => packet.startsWith('0'));
    return wire;
  }

  /** The Socket.IO packets so far: `40{"sid":…}`, `42["event"]` … */
  get packets(): string[] {
    return this.#received.entries.filter((packet) => packet.startsWith('4') && !packet.includes('/probe-'));
  }

  /** The names of the events so far, and `CONNECT` for an acceptance, in their order. */
  get names(): string[] {
    return this.packets.map((packet) =>
      packet.startsWith('40') ? 'CONNECT' : (/^42.*?\["([^"]*)"/.exec(packet)?.[1] ?? packet),
    );
  }

  send(packet: string | Buffer): void {
    this.socket.send(packet);
  }

  /** Connects to a namespace. */
  async join(namespace = '/'): Promise<void> {
    const prefix = namespace === '/' ? '40' : `40${namespace},`;
    this.send(prefix);
    await this.find((packet) => packet.startsWith(`${prefix}{`));
  }

  find(found: (packet: string) => boolean): Promise<string> {
    return this.#received.find(found);
  }

  /** Resolves when all that the server has sent so far has arrived: a refusal asked for now comes last. */
  async flushed(): Promise<void> {
    const namespace = `/probe-${this.#probes++},`;
    this.send(`40${namespace}`);
    await this.find((packet) => packet.startsWith(`44${namespace}`));
  }

  /** Resolves when the connection has ended. */
  async closed(): Promise<void> {
    if (this.socket.readyState !== WebSocket.CLOSED) await whenClosed(this.socket);
  }

  #take(packet: string): void {
    if (packet === '2' && this.answersPings) this.send('3');
    this.#received.add(packet);
  }
}
