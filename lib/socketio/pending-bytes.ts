import type { ServerResponse } from 'node:http';
import type { EngineConnection } from './engine-internals.js';

/*
 * The parts of engine.io 6.6, private in its types, that tell what waits for a client:
 * - Socket.writeBuffer: the packets that the transport could not take yet;
 * - Transport.socket of WebSocket: the WebSocket, whose bufferedAmount ws documents: what the kernel has not taken, and
 *   what is being compressed (eiows may have none);
 * - Transport.res of Polling: the response that the next packets leave with, until they have been handed to it;
 * - PacketOptions.wsPreEncodedFrame: the frame that a broadcast has in common for all its clients.
 */

/** What a packet that waits costs beside its data: objects and list entries. A packet of five bytes is not small. */
const PACKET_COST = 64;

/** A packet as the engine's event `packetCreate` has it. */
export interface EnginePacket {
  readonly data?: string | ArrayBufferView | ArrayBuffer;
  readonly options?: { readonly wsPreEncodedFrame?: readonly (Buffer | string)[] };
}

interface TransportInternals {
  readonly writable: boolean;
  readonly socket?: { readonly bufferedAmount?: number };
  readonly res?: ServerResponse | null;
}

interface ConnectionInternals {
  readonly transport: TransportInternals;
  readonly writeBuffer: readonly unknown[];
}

const internalsOf = (connection: EngineConnection) => connection as unknown as ConnectionInternals; // typed private

/** Whether a packet leaves at once, and can be forgotten: over polling nobody knows whether the response is read. */
export function leavesAtOnce(connection: EngineConnection): boolean {
  const { transport } = internalsOf(connection);
  return transport.writable && !transport.res;
}

/** What has been sent over a WebSocket and not been read by its client; 0 where nobody knows. */
export function unreadOf(transport: EngineConnection['transport']): number {
  return (transport as TransportInternals).socket?.bufferedAmount ?? 0;
}

/**
 * The bytes that wait for a client, from the first packet that does not leave at once. The largest packet is not among
 * them: how long one message is, the application decides. What waits behind it is.
 */
export class PendingBytes {
  #queued = 0;
  #largestQueued = 0;
  /** What the transport was given last. */
  #sent = 0;
  #largestSent: number;
  /** Over polling: responses that may not have been read; their client can use several TCP connections. */
  #responses: ServerResponse[] = [];

  constructor(private readonly connection: EngineConnection) {
    this.#largestSent = this.#inTransport; // nothing waited when it left: it was one packet
    connection.on('flush', this.#flushed);
  }

  /** The bytes that wait. */
  get count(): number {
    const inTransport = this.#inTransport;
    const largest = Math.max(Math.min(inTransport, this.#largestSent), this.#largestQueued);
    return this.#queued + inTransport - largest;
  }

  /** Whether nothing waits, not even one packet. */
  get isEmpty(): boolean {
    return internalsOf(this.connection).writeBuffer.length === 0 && this.#inTransport === 0;
  }

  /** A packet is about to be queued. */
  add(packet: EnginePacket): void {
    const size = sizeOf(packet);
    this.#queued += size + PACKET_COST;
    if (size > this.#largestQueued) this.#largestQueued = size;
  }

  /** Counts no more. */
  end(): void {
    this.connection.off('flush', this.#flushed);
  }

  /** Ends the TCP connections whose responses are not read. */
  destroyResponses(): void {
    for (const response of this.#unreadResponses()) response.destroy();
  }

  readonly #flushed = (): void => {
    this.#sent = this.#queued;
    this.#largestSent = this.#largestQueued;
    this.#queued = this.#largestQueued = 0;
    const { res: response } = internalsOf(this.connection).transport;
    if (response) this.#responses = [...this.#unreadResponses(), response];
  };

  get #inTransport(): number {
    const { transport } = internalsOf(this.connection);
    const unread = this.#unreadResponses().reduce((sum, { writableLength }) => sum + writableLength, 0);
    const { bufferedAmount = 0 } = transport.socket ?? {};
    return unread + (bufferedAmount || (isWriting(transport) ? this.#sent : 0));
  }

  #unreadResponses(): ServerResponse[] {
    if (this.#responses.length === 0) return this.#responses;
    return (this.#responses = this.#responses.filter(
      ({ destroyed, writableFinished }) => !destroyed && !writableFinished,
    ));
  }
}

/** Whether a transport is busy with what it was given; over polling it compresses a response. */
function isWriting({ writable, res }: TransportInternals): boolean {
  return !writable && res !== null;
}

function sizeOf({ data, options }: EnginePacket): number {
  const frame = options?.wsPreEncodedFrame;
  if (frame) return frame.reduce((length, part) => length + part.length, 0);
  if (typeof data === 'string') return Buffer.byteLength(data);
  return data?.byteLength ?? 0;
}
