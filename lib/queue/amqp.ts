import type { Socket } from 'node:net';
import type { AsyncMessage, Channel, Connection } from 'rabbitmq-client';
import { loadPackage } from '../common/optional-package.js';
import type { Backend } from './back-end.js';
import { queueUrl } from './queue-url.js';
import type { Driver } from './queue.js';
import {
  fitName,
  type BrokerConnection,
  ConnectionDriver,
  type ConnectionEvents,
} from './connection-driver.js';

/** A broker without a sign of life for twice as long is lost; in seconds. `?heartbeat=` in the URL overrides it. */
const HEARTBEAT = 4;

const CONNECT_TIMEOUT = 5_000;

/** RabbitMQ's default limit of a frame, in bytes. */
const MAX_FRAME = 131_072;

/** AMQP's limit of a routing key, in bytes. */
const MAX_KEY = 255;

/** The properties that Python's client gives to text. */
const TEXT = { contentType: 'text/plain', contentEncoding: 'utf-8' };

const NO_BYTES = Buffer.alloc(0);

interface Exchanges {
  /** Topics are its routing keys. */
  direct: string;
  /** Is one topic itself. */
  fanout: string | undefined;
}

/** RabbitMQ: a direct exchange for the channel, and one queue of its own for each process. */
export const backend: Backend = {
  name: 'RabbitMQ',
  packages: { driver: 'rabbitmq-client' },
  open: ({ url, channel }) => ({ driver: amqpDriver(url, { channel }) }),
};

/** Topic `fanout` is an exchange of that name that carries text, as in Flask-SocketIO; all others are routing keys. */
export function amqpDriver(url: string, { channel, fanout }: { channel: string; fanout?: string }): Driver {
  const client = loadPackage('rabbitmq-client') as typeof import('rabbitmq-client');
  queueUrl(url);
  const address = (topic: string) => fitName(topic, MAX_KEY);
  const exchanges = {
    // Not the channel itself: Flask-SocketIO's own exchange, of another type, has that name.
    direct: `${fitName(channel, MAX_KEY - 1)}#`,
    fanout: fanout === undefined ? undefined : address(fanout),
  };
  return new ConnectionDriver({
    address,
    connect: (events, signal) => connect(new client.Connection(settings(url)), exchanges, { events, signal }),
  });
}

/** Adds RabbitMQ's default user to a URL without one; the client would log in with an empty name. */
const asGuest = (url: string) => url.replace(/^(amqps?:\/\/)(?![^/?#]*@)/i, '$1guest:guest@');

const settings = (url: string) => ({
  url: asGuest(url),
  heartbeat: HEARTBEAT,
  connectionTimeout: CONNECT_TIMEOUT,
  acquireTimeout: CONNECT_TIMEOUT,
  frameMax: MAX_FRAME,
  noDelay: true, // RabbitMQ's answers are small: 1 ms instead of 40
});

/** The client would reconnect by itself; here any failure ends the connection, and the driver makes a new one. */
async function connect(
  connection: Connection,
  exchanges: Exchanges,
  { events, signal }: { events: ConnectionEvents; signal: AbortSignal },
): Promise<BrokerConnection> {
  const destroy = () => connection.unsafeDestroy();
  limitFrameSize(socketOf(connection));
  signal.addEventListener('abort', destroy, { once: true });
  try {
    const channel = await openChannel(connection, events);
    const queue = await declareQueue(channel, exchanges);
    await channel.basicConsume({ queue, noAck: true }, (message) => {
      const { exchange, routingKey } = message;
      events.received(exchange === exchanges.fanout ? exchange : routingKey, bytesOf(message));
    });
    return brokerConnection(connection, channel, { exchanges, queue });
  } catch (error) {
    destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', destroy);
  }
}

/** The client trusts the length of a frame: a server that is not RabbitMQ could make it wait for a gigabyte. */
function limitFrameSize(socket: Socket): void {
  const read = socket.read.bind(socket);
  socket.read = (length: number) => {
    if (length <= MAX_FRAME) return read(length) as unknown;
    socket.destroy(new Error('what answers there is no RabbitMQ'));
    return null;
  };
}

/** Returns a function that corks the socket until the end of the turn: messages of one turn are written together. */
function corkPerTurn(socket: Socket): () => void {
  let isCorked = false;
  const release = () => {
    isCorked = false;
    socket.uncork();
  };
  return () => {
    if (isCorked) return;
    isCorked = true;
    socket.cork();
    process.nextTick(release);
  };
}

function socketOf(connection: Connection): Socket {
  return (connection as unknown as { _socket: Socket })._socket; // typed private
}

function openChannel(connection: Connection, { lost, paused, resumed }: ConnectionEvents): Promise<Channel> {
  connection.on('connection.blocked', (reason) => paused(`RabbitMQ is short of resources: ${reason}`));
  connection.on('connection.unblocked', resumed);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      lost(error);
      reject(error);
    };
    connection.on('error', fail);
    connection.acquire().then((channel) => {
      // If the connection failed, its own error says more, and comes before the microtask.
      channel.on('close', () => queueMicrotask(() => fail(new Error('RabbitMQ closed the channel'))));
      channel.on('basic.cancel', () => fail(new Error('RabbitMQ deleted the queue')));
      resolve(channel);
    }, fail);
  });
}

async function declareQueue(channel: Channel, { direct, fanout }: Exchanges): Promise<string> {
  await channel.confirmSelect();
  await channel.exchangeDeclare({ exchange: direct, type: 'direct', durable: false });
  if (fanout !== undefined)
    await channel.exchangeDeclare({ exchange: fanout, type: 'fanout', durable: false });
  const { queue } = await channel.queueDeclare({ exclusive: true, autoDelete: true });
  return queue;
}

function brokerConnection(
  connection: Connection,
  channel: Channel,
  { exchanges: { direct, fanout }, queue }: { exchanges: Exchanges; queue: string },
): BrokerConnection {
  const at = (address: string) =>
    address === fanout
      ? { exchange: fanout, routingKey: '', ...TEXT }
      : { exchange: direct, routingKey: address };
  const cork = corkPerTurn(socketOf(connection));
  let last: Promise<unknown> = Promise.resolve();
  return {
    publish(address, payload) {
      cork();
      last = channel.basicPublish(at(address), payload);
      return last;
    },
    subscribe: (address) => channel.queueBind({ queue, ...at(address) }),
    unsubscribe: (address) => channel.queueUnbind({ queue, ...at(address) }),
    async close() {
      await last.catch(() => {}); // a message not confirmed when the channel closes counts as lost
      await channel.close();
      await connection.close();
    },
    destroy: () => connection.unsafeDestroy(),
  };
}

/** The client parses a body whose content type is JSON; none of ours is. */
function bytesOf({ body }: AsyncMessage): Buffer {
  if (typeof body === 'string') return Buffer.from(body);
  return Buffer.isBuffer(body) ? body : NO_BYTES;
}
