import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'socket.io';
import { nextSlice, SLICE_MILLISECONDS } from '../common/slices.js';
import { bodyLimitOf, type EngineConnection } from './engine-internals.js';
import { type Dialect, type EnginePacket, packetsOf, packetsOfForm } from './payload-packets.js';
import { type BodyProblem, endUnread, hasBody, RequestBody } from './request-body.js';

/*
 * Private members of engine.io 6.6 that are used here to read the POSTs of the polling transport:
 * - Server.clients: the connections by id; Server.handleRequest(request, response) is public;
 * - IncomingMessage._query: the query, whose `j` makes a transport one of JSONP;
 * - Transport.onDataRequest(request, response): handles a POST;
 * - Transport.dataReq: the POST that is being handled. A transport that closes destroys it;
 * - Transport.sid, readyState; headers(request, headers): the headers of a response;
 * - Transport.onPacket(packet), onClose(), onError(message): what comes of a POST.
 */

interface PollingTransport extends Dialect {
  readonly sid: string;
  readonly name: string;
  readonly readyState: string;
  dataReq: PostBody | null;
  onDataRequest(request: IncomingMessage, response: ServerResponse): void;
  headers(request: IncomingMessage, headers: object): Record<string, string>;
  onPacket(packet: EnginePacket): void;
  onClose(): void;
  onError(message: string): void;
}

interface Connection {
  readonly transport: PollingTransport;
  readonly readyState: string;
  readonly request: { readonly _query: { readonly j?: unknown } };
}

type Engine = Server['engine'];

/** Called with a client that is disconnected for what its request did. */
export type OnBadPost = (connection: EngineConnection, problem: BodyProblem) => void;

/** So many packets of a body are handled at once; the others have their turn. */
const FIRST_SLICE = 16;

const STATUS: Record<BodyProblem, number> = {
  'too large': 413,
  'too slow': 408,
  'too many pieces': 400,
  'connection lost': 400,
};

/**
 * Reads what clients of the polling transport send, in place of engine.io: a body is handed on in slices, between which
 * others have their turn, and its client sends nothing more until the last one.
 */
export function takePosts(engine: Engine, onBadPost: OnBadPost): void {
  const turns = new PostTurns();
  const { clients } = engine as unknown as { clients: Record<string, Connection> }; // typed private
  const take = function take(this: PollingTransport, request: IncomingMessage, response: ServerResponse) {
    const connection = Object.hasOwn(clients, this.sid) ? clients[this.sid] : undefined;
    if (!connection || this.dataReq || isInvalid(this, request)) return refuse(this, response);
    const typed = connection as unknown as EngineConnection; // which has the private members of a Connection
    const failed = (problem: BodyProblem) => onBadPost(typed, problem);
    const mostBytes = bodyLimitOf(engine, typed);
    new PostBody({ connection, transport: this, request, response, mostBytes, turns, failed }).read();
  };
  engine.on('connection', ({ transport }: Connection) => {
    if (transport.name === 'polling') transport.onDataRequest = take;
  });
  endUnreadRequests(engine);
}

/** A request that is answered before it is complete does not stay open. */
function endUnreadRequests(engine: Engine): void {
  const handle = engine.handleRequest.bind(engine);
  engine.handleRequest = (request: Parameters<typeof handle>[0], response: ServerResponse) => {
    if (hasBody(request)) response.once('finish', () => endUnread(request));
    handle(request, response);
  };
}

const isBinary = ({ headers }: IncomingMessage) => headers['content-type'] === 'application/octet-stream';

/** Only protocol 3 has binary payloads. */
function isInvalid({ protocol }: PollingTransport, request: IncomingMessage): boolean {
  return protocol !== 3 && isBinary(request);
}

function refuse(transport: PollingTransport, response: ServerResponse): void {
  transport.onError(transport.dataReq ? 'data request overlap from client' : 'invalid content');
  response.writeHead(400).end();
}

interface PostParts {
  connection: Connection;
  transport: PollingTransport;
  request: IncomingMessage;
  response: ServerResponse;
  mostBytes: number;
  turns: PostTurns;
  failed: (problem: BodyProblem) => void;
}

/** A POST of a client: read, then handed on packet by packet, then answered. */
class PostBody {
  #slice = FIRST_SLICE;
  #isPaused = false;
  #isAnswered = false;
  /** Of a body that is complete. */
  #packets: Iterator<EnginePacket | undefined> | undefined;
  readonly #body: RequestBody;

  constructor(private readonly parts: PostParts) {
    const { request, mostBytes } = parts;
    this.#body = new RequestBody(request, mostBytes, this);
  }

  read(): void {
    this.parts.transport.dataReq = this;
    this.#body.read();
  }

  /** Whoever pauses reading from the client calls this, and {@link resume}. */
  pause(): void {
    this.#isPaused = true;
    if (!this.#packets) this.#body.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#packets) this.parts.turns.add(this);
    else this.#body.resume();
  }

  /** The transport closes: what has not been handed on is dropped. */
  destroy(): void {
    if (this.#packets) this.#answer();
    else this.parts.request.destroy();
  }

  complete(body: Buffer): void {
    const { request, transport, turns, connection } = this.parts;
    const isForm = typeof connection.request._query.j === 'string';
    this.#packets = isForm ? packetsOfForm(body, transport) : packetsOf(body, transport, isBinary(request));
    turns.give(this);
  }

  failed(problem: BodyProblem): void {
    const { transport, response, failed } = this.parts;
    this.#leave();
    if (problem === 'connection lost') return transport.onError('data request connection closed prematurely');
    response.writeHead(STATUS[problem], problem === 'too large' ? {} : { Connection: 'close' }).end();
    if (problem === 'too large') return; // the client is disconnected when it has been told
    failed(problem);
    transport.onError(`data request ${problem}`);
  }

  /** Hands on a slice of the packets; whether there are more, and the client may go on. */
  handOn(): boolean {
    const end = performance.now() + SLICE_MILLISECONDS;
    for (let left = this.#slice; left > 0 && !this.#isPaused; left--) {
      const next = this.#isOpen && this.#packets?.next();
      if (!next || next.done) return this.#answer();
      if (next.value) this.#handOnOne(next.value);
      if (performance.now() > end) break;
    }
    return !this.#isPaused;
  }

  /** How long a slice took, with what its packets did at once: the next one is smaller or larger. */
  took(milliseconds: number): void {
    this.#slice = nextSlice(this.#slice, milliseconds);
  }

  get #isOpen(): boolean {
    const { connection, transport } = this.parts;
    return connection.readyState === 'open' && transport.readyState === 'open';
  }

  #handOnOne(packet: EnginePacket): void {
    const { transport } = this.parts;
    if (packet.type === 'close') transport.onClose();
    else transport.onPacket(packet);
  }

  /** The client may send its next request. */
  #answer(): false {
    if (this.#isAnswered) return false;
    this.#isAnswered = true;
    const { transport, request, response } = this.parts;
    const headers = { 'Content-Type': 'text/html', 'Content-Length': '2' };
    if (!response.destroyed) response.writeHead(200, transport.headers(request, headers)).end('ok');
    this.#leave();
    return false;
  }

  #leave(): void {
    const { transport } = this.parts;
    if (transport.dataReq === this) transport.dataReq = null;
  }
}

/** The bodies that have more packets: in each turn of the event loop one slice of one of them is handed on. */
class PostTurns {
  readonly #waiting = new Set<PostBody>();
  #isAwaited = false;

  /** A body waits for its turn. */
  add(body: PostBody): void {
    this.#waiting.add(body);
    this.#await();
  }

  /** It is the turn of a body. */
  give(body: PostBody): void {
    const start = performance.now();
    if (!body.handOn()) return;
    process.nextTick(() => body.took(performance.now() - start)); // after the ticks of its packets
    this.add(body);
  }

  #await(): void {
    if (this.#isAwaited || this.#waiting.size === 0) return;
    this.#isAwaited = true;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#isAwaited = false;
    const [body] = this.#waiting;
    if (body) this.#waiting.delete(body);
    this.#await(); // now: a listener of the application that throws ends no other client's turn
    if (body) this.give(body);
  };
}
