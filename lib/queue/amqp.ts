import type { Socket } from 'node:net';
import type { AsyncMessage, Channel, Connection } from 'rabbitmq-client';
import { load } from '../common/optional-package.js';
import type { Backend } from './back-end.js';
import { queueUrl } from './queue-url.js';
import type { Driver } from './queue.js';
import { fitName, type Session, SessionDriver, type SessionEvents } from './session-driver.js';

/** A broker that says nothing for twice as long is away; in seconds. `?heartbeat=` in the URL overrides it. */
const HEARTBEAT = 4;

const CONNECTING = 5_000;

/** The largest frame that RabbitMQ takes by default, in bytes. */
const FRAME = 131_072;

/** What AMQP takes for a routing key, in bytes. */
const LONGEST_KEY = 255;

/** How Python's client marks text. */
const TEXT = { contentType: 'text/plain', contentEncoding: 'utf-8' };

const NO_BYTES = Buffer.alloc(0);

/** Where the messages of a process go and come from. */
interface Exchanges {
  /** For topics, which are routing keys here. */
  direct: string;
  /** An exchange that is a topic itself. */
  fanout: string | undefined;
}

/** RabbitMQ: a direct exchange for the channel, and one queue of its own for each process. */
export const backend: Backend = {
  name: 'RabbitMQ',
  packages: { driver: 'rabbitmq-client' },
  open: ({ url, channel }) => ({ driver: amqpDriver(url, { channel }) }),
};

/** A driver on one connection. Topic `fanout` is an exchange of that name, with text in it, as Flask-SocketIO has it. */
export function amqpDriver(url: string, { channel, fanout }: { channel: string; fanout?: string }): Driver {
  const client = load('rabbitmq-client') as typeof import('rabbitmq-client');
  queueUrl(url);
  const address = (topic: string) => fitName(topic, LONGEST_KEY);
  const exchanges = {
    // Not the channel itself: Flask-SocketIO's own exchange, of another type, has that name.
    direct: `${fitName(channel, LONGEST_KEY - 1)}#`,
    fanout: fanout === undefined ? undefined : address(fanout),
  };
  return new SessionDriver({
    address,
    connect: (events, signal) => connect(new client.Connection(settings(url)), exchanges, { events, signal }),
  });
}

/** A URL without a user means the one that RabbitMQ is set up with; the client itself would log in as nobody. */
const asGuest = (url: string) => url.replace(/^(amqps?:\/\/)(?![^/?#]*@)/i, '$1guest:guest@');

const settings = (url: string) => ({
  url: asGuest(url),
  heartbeat: HEARTBEAT,
  connectionTimeout: CONNECTING,
  acquireTimeout: CONNECTING,
  frameMax: FRAME,
  noDelay: true, // RabbitMQ's answers are small: 1 ms instead of 40
});

/** The connection would look for the broker again by itself; here, whatever happens to it ends it. */
async function connect(
  connection: Connection,
  exchanges: Exchanges,
  { events, signal }: { events: SessionEvents; signal: AbortSignal },
): Promise<Session> {
  const destroy = () => connection.unsafeDestroy();
  refuseStrangers(socketOf(connection));
  signal.addEventListener('abort', destroy, { once: true });
  try {
    const channel = await opened(connection, events);
    const queue = await declared(channel, exchanges);
    await channel.basicConsume({ queue, noAck: true }, (message) => {
      const { exchange, routingKey } = message;
      events.hear(exchange === exchanges.fanout ? exchange : routingKey, bytesOf(message));
    });
    return session(connection, channel, { exchanges, queue });
  } catch (error) {
    destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', destroy);
  }
}

/** The client believes any length of a frame; what is no RabbitMQ would make it wait for a gigabyte, or throw. */
function refuseStrangers(socket: Socket): void {
  const read = socket.read.bind(socket);
  socket.read = (length: number) => {
    if (length <= FRAME) return read(length) as unknown;
    socket.destroy(new Error('what answers there is no RabbitMQ'));
    return null;
  };
}

/** The client writes each message by itself; here what is published in one turn leaves together, at its end. */
function gathering(socket: Socket): () => void {
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

function opened(connection: Connection, { lost, paused, resumed }: SessionEvents): Promise<Channel> {
  connection.on('connection.blocked', (reason) => paused(`RabbitMQ is short of resources: ${reason}`));
  connection.on('connection.unblocked', resumed);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      lost(error);
      reject(error);
    };
    connection.on('error', fail);
    connection.acquire().then((channel) => {
      // If the connection is the reason, it says so itself, and better, before the microtask.
      channel.on('close', () => queueMicrotask(() => fail(new Error('RabbitMQ closed the channel'))));
      channel.on('basic.cancel', () => fail(new Error('RabbitMQ deleted the queue')));
      resolve(channel);
    }, fail);
  });
}

async function declared(channel: Channel, { direct, fanout }: Exchanges): Promise<string> {
  await channel.confirmSelect();
  await channel.exchangeDeclare({ exchange: direct, type: 'direct', durable: false });
  if (fanout !== undefined)
    await channel.exchangeDeclare({ exchange: fanout, type: 'fanout', durable: false });
  const { queue } = await channel.queueDeclare({ exclusive: true, autoDelete: true });
  return queue;
}

function session(
  connection: Connection,
  channel: Channel,
  { exchanges: { direct, fanout }, queue }: { exchanges: Exchanges; queue: string },
): Session {
  const at = (address: string) =>
    address === fanout
      ? { exchange: fanout, routingKey: '', ...TEXT }
      : { exchange: direct, routingKey: address };
  const gather = gathering(socketOf(connection));
  let last: Promise<unknown> = Promise.resolve();
  return {
    publish(address, payload) {
      gather();
      last = channel.basicPublish(at(address), payload);
      return last;
    },
    listen: (address) => channel.queueBind({ queue, ...at(address) }),
    unlisten: (address) => channel.queueUnbind({ queue, ...at(address) }),
    async end() {
      await last.catch(() => {}); // what is not confirmed when the channel closes counts as lost
      await channel.close();
      await connection.close();
    },
    destroy: () => connection.unsafeDestroy(),
  };
}

/** The client takes apart what calls itself JSON; ours never does. */
function bytesOf({ body }: AsyncMessage): Buffer {
  if (typeof body === 'string') return Buffer.from(body);
  return Buffer.isBuffer(body) ? body : NO_BYTES;
}
