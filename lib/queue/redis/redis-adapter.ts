import type { Namespace, Server } from 'socket.io';
import type { Adapter } from 'socket.io-adapter';
import { load } from '../../common/optional-package.js';
import { guarded } from '../../common/thenable.js';
import type { BrokerLink } from '../broker-link.js';
import { appliedHere, reporter, type Reporter, socketsAsJson } from '../cluster-adapters.js';
import { checkAdapterOptions, checkPacket, checkServerEvent, REQUESTS } from '../cluster-message.js';
import { decode, msgpack } from '../codec.js';
import { arriving, leaving } from '../portable.js';
import type { AdapterFactory } from '../queue.js';
import { withTimeout, type RedisDriver, type Subscription } from './redis-session.js';

/** socket.io's adapter, guarded. */
export function redisAdapter(link: BrokerLink, driver: RedisDriver): AdapterFactory {
  const { createAdapter } = load('@socket.io/redis-adapter') as typeof import('@socket.io/redis-adapter');
  const client = redisClientView(link, driver);
  return function factory(namespace: Namespace) {
    const parser = redisParser(namespace.server);
    const create = createAdapter(client, client, { key: link.channel, parser });
    return guardRedisAdapter(create(namespace), link);
  };
}

const APPLIED_HERE: ReadonlySet<unknown> = new Set(Object.values(REQUESTS));

const FETCH_SOCKETS = 5;
const SERVER_SIDE_EMIT = 6;

/** The parts of socket.io's Redis adapter that its types keep private. */
interface RedisAdapter extends Adapter {
  readonly uid: string;
  readonly requestChannel: string;
  onrequest: (channel: string, payload: Buffer) => Promise<void>;
  publishResponse(request: Request, answer: string): void;
}

interface Request {
  uid?: unknown;
  requestId?: unknown;
  type?: unknown;
  opts?: unknown;
  packet?: unknown;
  rooms?: unknown;
  data?: unknown;
}

/** What the adapters of a server encode broadcasts with: what they decode is what they can bear. */
export const redisParser = (server: Server) => ({
  encode(message: unknown): Buffer {
    if (!Array.isArray(message)) return msgpack.encode(leaving(server, message));
    const [uid, packet, opts] = message as unknown[];
    return msgpack.encode([uid, leaving(server, { packet, opts }).packet, opts]);
  },
  decode(payload: Buffer): unknown {
    const message = msgpack.decode(payload);
    if (!Array.isArray(message)) return arriving(server, message); // a request: see below
    const [uid, packet, opts] = message as unknown[];
    checkPacket(packet);
    checkAdapterOptions(opts);
    return [uid, arriving(server, { packet, opts }).packet, opts];
  },
});

/**
 * Makes socket.io's Redis adapter bear what arrives (it leaves rejections unhandled), and apply what is asked of its
 * own clients at once (it waits until Redis has brought the request back).
 */
export function guardRedisAdapter(created: Adapter, link: BrokerLink): Adapter {
  const adapter = created as RedisAdapter;
  const { onrequest } = adapter;
  const own: Partial<RedisAdapter> = {
    async onrequest(channel, payload) {
      let request: Request | undefined;
      try {
        request = channel.startsWith(adapter.requestChannel) ? checked(decode(payload)) : undefined;
        if (request?.uid === adapter.uid && APPLIED_HERE.has(request.type)) return;
        await onrequest.call(adapter, channel, payload);
      } catch (error) {
        if (request?.type !== FETCH_SOCKETS || request.opts === undefined) return link.refuse(error);
        const asked = request;
        void guarded<unknown>(
          () => answerWithoutData(adapter, asked, reporter(adapter.nsp, link, error)),
          (second) => link.refuse(second),
        );
      }
    },
  };
  const applied = appliedHere(adapter, (kind, { rooms, except }, more) => {
    const request = { uid: adapter.uid, type: REQUESTS[kind], opts: { rooms, except }, ...more };
    link.publish(adapter.requestChannel, Buffer.from(JSON.stringify(request)));
  });
  return Object.assign(adapter, own, applied);
}

/** The adapter has failed to write its sockets: an application has put into their `data` what is no JSON. */
function answerWithoutData(adapter: RedisAdapter, request: Request, failed: Reporter): void {
  const { rooms, except } = request.opts as { rooms: string[]; except?: string[] };
  const sockets = socketsAsJson(adapter, { rooms: new Set(rooms), except: new Set(except) }, failed);
  const { requestId } = request;
  adapter.publishResponse(request, `{"requestId":${JSON.stringify(requestId)},"sockets":${sockets}}`);
}

/** The request, or an error if the adapter would not bear it. */
function checked(request: unknown): Request {
  if (typeof request !== 'object' || request === null) throw new TypeError('a request is malformed');
  const { type, opts, packet, rooms, data } = request as Request;
  if (!Number.isInteger(type)) throw new TypeError('the type of a request is malformed');
  if (opts !== undefined) checkAdapterOptions(opts);
  if (packet !== undefined) checkPacket(packet);
  if (type === SERVER_SIDE_EMIT) checkServerEvent(data);
  const areRooms = Array.isArray(rooms) && rooms.every((room) => typeof room === 'string');
  if (rooms !== undefined && !areRooms) throw new TypeError('the rooms of a request are malformed');
  return request;
}

type Hear = (payload: Buffer, topic: string) => void;

const PUBLISHED = Promise.resolve();

/**
 * What socket.io's Redis adapters take for a client of the package `redis`, for publishing and for subscribing: each
 * message passes the link, so that an outage ends nothing and nothing malformed reaches the adapter.
 */
export function redisClientView(link: BrokerLink, driver: RedisDriver) {
  const subscribe = (as: Subscription) => (topics: string | string[], hear: Hear) => {
    for (const topic of [topics].flat()) driver.subscribe(topic, link.guarded(hear), as);
  };
  const unsubscribe = (as: Subscription) => (topics: string | string[]) => {
    for (const topic of [topics].flat()) driver.unsubscribe(topic, as);
  };
  const publish = (topic: string, payload: string | Buffer) => {
    link.publish(topic, typeof payload === 'string' ? Buffer.from(payload) : payload);
    return PUBLISHED;
  };
  return {
    publish,
    sPublish: publish,
    subscribe: subscribe('exact'),
    pSubscribe: (pattern: string, hear: Hear) => subscribe('pattern')(literal(pattern), hear),
    sSubscribe: subscribe('sharded'),
    unsubscribe: unsubscribe('exact'),
    pUnsubscribe: (pattern: string) => unsubscribe('pattern')(literal(pattern)),
    sUnsubscribe: unsubscribe('sharded'),
    sendCommand: ([, numSub, topic]: [string, string, string]) =>
      withTimeout(
        driver.count(topic, numSub === 'NUMSUB' ? 'exact' : 'sharded').then((count) => [topic, count]),
      ),
    on: () => {},
    off: () => {},
  };
}

/** The same pattern with its last `*` alone: the others are part of a namespace's name. */
function literal(pattern: string): string {
  return `${pattern.slice(0, -1).replace(/[*?[\]\\]/g, String.raw`\$&`)}*`;
}
