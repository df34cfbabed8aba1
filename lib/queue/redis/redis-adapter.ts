import type { Namespace, Server } from 'socket.io';
import type { Adapter } from 'socket.io-adapter';
import { loadPackage } from '../../common/optional-package.js';
import { guarded } from '../../common/thenable.js';
import type { BrokerLink } from '../broker-link.js';
import {
  appliedLocallyFirst,
  omittedDataLogger,
  type ReportOmittedData,
  socketsAsJson,
} from '../cluster-adapters.js';
import { checkAdapterOptions, checkPacket, checkServerEvent, REQUEST_TYPES } from '../cluster-message.js';
import { decode, msgpack } from '../codec.js';
import { fromPortable, toPortable } from '../portable.js';
import type { AdapterFactory } from '../queue.js';
import { withCommandTimeout, type RedisDriver, type Subscription } from './redis-connection.js';

export function redisAdapter(link: BrokerLink, driver: RedisDriver): AdapterFactory {
  const { createAdapter } = loadPackage(
    '@socket.io/redis-adapter',
  ) as typeof import('@socket.io/redis-adapter');
  const client = redisClientView(link, driver);
  return function factory(namespace: Namespace) {
    const parser = redisParser(namespace.server);
    const create = createAdapter(client, client, { key: link.channel, parser });
    return guardRedisAdapter(create(namespace), link);
  };
}

const APPLIED_LOCALLY: ReadonlySet<unknown> = new Set(Object.values(REQUEST_TYPES));

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

/** Encodes and decodes the messages of a server's adapters; malformed ones throw. */
export const redisParser = (server: Server) => ({
  encode(message: unknown): Buffer {
    if (!Array.isArray(message)) return msgpack.encode(toPortable(server, message));
    const [uid, packet, opts] = message as unknown[];
    return msgpack.encode([uid, toPortable(server, { packet, opts }).packet, opts]);
  },
  decode(payload: Buffer): unknown {
    const message = msgpack.decode(payload);
    if (!Array.isArray(message)) return fromPortable(server, message); // a request, checked by `checkRequest`
    const [uid, packet, opts] = message as unknown[];
    checkPacket(packet);
    checkAdapterOptions(opts);
    return [uid, fromPortable(server, { packet, opts }).packet, opts];
  },
});

/**
 * Makes socket.io's Redis adapter handle malformed messages (its rejections would be unhandled), and apply commands to
 * its own clients at once (it would wait until Redis returns the request).
 */
export function guardRedisAdapter(created: Adapter, link: BrokerLink): Adapter {
  const adapter = created as RedisAdapter;
  const { onrequest } = adapter;
  const own: Partial<RedisAdapter> = {
    async onrequest(channel, payload) {
      let request: Request | undefined;
      try {
        request = channel.startsWith(adapter.requestChannel) ? checkRequest(decode(payload)) : undefined;
        if (request?.uid === adapter.uid && APPLIED_LOCALLY.has(request.type)) return;
        await onrequest.call(adapter, channel, payload);
      } catch (error) {
        if (request?.type !== FETCH_SOCKETS || request.opts === undefined) return link.countRefused(error);
        const asked = request;
        void guarded<unknown>(
          () => answerWithoutData(adapter, asked, omittedDataLogger(adapter.nsp, link, error)),
          (second) => link.countRefused(second),
        );
      }
    },
  };
  const applied = appliedLocallyFirst(adapter, (kind, { rooms, except }, more) => {
    const request = { uid: adapter.uid, type: REQUEST_TYPES[kind], opts: { rooms, except }, ...more };
    link.publish(adapter.requestChannel, Buffer.from(JSON.stringify(request)));
  });
  return Object.assign(adapter, own, applied);
}

/** Responds in place of the adapter, which failed because the `data` of a socket is not JSON. */
function answerWithoutData(adapter: RedisAdapter, request: Request, failed: ReportOmittedData): void {
  const { rooms, except } = request.opts as { rooms: string[]; except?: string[] };
  const sockets = socketsAsJson(adapter, { rooms: new Set(rooms), except: new Set(except) }, failed);
  const { requestId } = request;
  adapter.publishResponse(request, `{"requestId":${JSON.stringify(requestId)},"sockets":${sockets}}`);
}

/** Returns the request; throws if the adapter could not handle it. */
function checkRequest(request: unknown): Request {
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

type MessageListener = (payload: Buffer, topic: string) => void;

const PUBLISHED = Promise.resolve();

/**
 * A stand-in for the clients of the package `redis` that socket.io's Redis adapters use. All messages pass the link:
 * the adapter survives outages, and no malformed message reaches it.
 */
export function redisClientView(link: BrokerLink, driver: RedisDriver) {
  const subscribe = (as: Subscription) => (topics: string | string[], hear: MessageListener) => {
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
    pSubscribe: (pattern: string, hear: MessageListener) =>
      subscribe('pattern')(escapePattern(pattern), hear),
    sSubscribe: subscribe('sharded'),
    unsubscribe: unsubscribe('exact'),
    pUnsubscribe: (pattern: string) => unsubscribe('pattern')(escapePattern(pattern)),
    sUnsubscribe: unsubscribe('sharded'),
    sendCommand: ([, numSub, topic]: [string, string, string]) =>
      withCommandTimeout(
        driver
          .countSubscribers(topic, numSub === 'NUMSUB' ? 'exact' : 'sharded')
          .then((count) => [topic, count]),
      ),
    on: () => {},
    off: () => {},
  };
}

/** Escapes a pattern, except for its last `*`: other wildcards are part of a namespace's name. */
function escapePattern(pattern: string): string {
  return `${pattern.slice(0, -1).replace(/[*?[\]\\]/g, String.raw`\$&`)}*`;
}
