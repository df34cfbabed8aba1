import { once } from 'node:events';
import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { onTestFinished } from 'vitest';

/** How a client that polls may send its packets. */
export const WIRES = ['protocol 4', 'JSONP', 'protocol 3', 'protocol 3, binary'] as const;
export type Wire = (typeof WIRES)[number];

const QUERY: Record<Wire, string> = {
  'protocol 4': 'EIO=4',
  JSONP: 'EIO=4&j=0',
  'protocol 3': 'EIO=3',
  'protocol 3, binary': 'EIO=3',
};

/** `0`, the digits of the length, 255, and the text. */
function framed(packet: string): Buffer {
  const bytes = Buffer.from(packet);
  return Buffer.concat([Buffer.of(0, ...Array.from(String(bytes.length), Number), 255), bytes]);
}

const ENCODE: Record<Wire, (packets: string[]) => string | Buffer> = {
  'protocol 4': (packets) => packets.join('\x1e'),
  JSONP: (packets) => {
    const text = packets.join('\x1e').replaceAll(String.raw`\n`, String.raw`\\n`);
    return `d=${encodeURIComponent(text.replaceAll('\n', String.raw`\n`))}`;
  },
  'protocol 3': (packets) => packets.map((packet) => `${packet.length}:${packet}`).join(''),
  'protocol 3, binary': (packets) => Buffer.concat(packets.map(framed)),
};

const TYPE: Partial<Record<Wire, string>> = {
  JSONP: 'application/x-www-form-urlencoded',
  'protocol 3, binary': 'application/octet-stream',
};

/** A client that polls, without a library: it sends what a test wants. */
export class RawPolling {
  private constructor(
    readonly url: string,
    private readonly wire: Wire,
  ) {}

  /** In the main namespace. */
  static async connect(server: string, wire: Wire = 'protocol 4'): Promise<RawPolling> {
    const url = `${server}/socket.io/?transport=polling&${QUERY[wire]}`;
    const opened = await (await fetch(url)).text();
    const sid = /"sid\\?":\\?"([^"\\]*)/.exec(opened)?.[1];
    const client = new RawPolling(`${url}&sid=${sid}`, wire);
    if (QUERY[wire] !== 'EIO=3') await client.post(['40']);
    await client.poll();
    return client;
  }

  /** Sends engine packets in one body; resolves with the status. */
  async post(packets: string[]): Promise<number> {
    const headers: Record<string, string> = { 'content-type': TYPE[this.wire] ?? 'text/plain;charset=UTF-8' };
    const body = ENCODE[this.wire](packets) as RequestInit['body'];
    return (await fetch(this.url, { method: 'POST', body, headers })).status;
  }

  /** Resolves with what the server has for the client, or with the status if it is none that it knows. */
  async poll(): Promise<string | number> {
    const response = await fetch(this.url);
    return response.ok ? response.text() : response.status;
  }

  /** A request whose body the test sends. */
  begin(headers: OutgoingHttpHeaders = {}): Upload {
    return new Upload(httpRequest(this.url, { method: 'POST', headers, agent: false }));
  }
}

/** A POST in the hands of a test. */
export class Upload {
  /** The status, if there is a response. */
  readonly status: Promise<number | undefined>;
  /** The connection has ended, for whatever reason. */
  readonly closed: Promise<void>;

  constructor(readonly request: ClientRequest) {
    const answered = once(request, 'response').then(([response]) => response as IncomingMessage);
    this.status = answered.then(
      (response) => response.resume().statusCode,
      () => undefined,
    );
    request.on('error', () => {});
    this.closed = once(request, 'socket').then(
      ([socket]) => new Promise((resolve) => void socket.once('close', () => resolve())),
    );
    onTestFinished(() => void request.destroy());
    request.flushHeaders();
  }

  send(bytes: string | Buffer): this {
    this.request.write(bytes);
    return this;
  }
}
