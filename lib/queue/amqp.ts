import type { AsyncMessage, Channel, Connection } from 'rabbitmq-client';
import { fitted } from './fitted.js';
import { load } from './optional-package.js';
import type { Backend } from './queue.js';
import { queueUrl } from './queue-url.js';
import { SessionDriver, type Session, type SessionEvents } from './session-driver.js';

/** A broker that says nothing for twice as long is away; in seconds. `?heartbeat=` in the URL overrides it. */
const HEARTBEAT = 4;

const CONNECTING = 5_000;

/** The largest frame that RabbitMQ takes by default. */
const FRAME = 131_072;

/** What AMQP takes for a routing key, in bytes. */
const LONGEST_KEY = 255;

const NO_BYTES = Buffer.alloc(0);

/** RabbitMQ: a direct exchange for the channel, and one queue of its own for each process. */
export const backend: Backend = {
  name: 'RabbitMQ',
  async open({ url, channel }) {
    const client = await load<typeof import('rabbitmq-client')>(
      'rabbitmq-client',
      'a RabbitMQ message queue',
    );
    queueUrl(url);
    // Not the channel itself: Flask-SocketIO's own exchange, of another type, has that name.
    const exchange = `${fitted(channel, LONGEST_KEY - 1)}#`;
    const driver = new SessionDriver({
      address: (topic) => fitted(topic, LONGEST_KEY),
      connect: (events, signal) =>
        connect(new client.Connection(settings(url)), exchange, { events, signal }),
    });
    return { driver };
  },
};

const settings = (url: string) => ({
  url,
  heartbeat: HEARTBEAT,
  connectionTimeout: CONNECTING,
  acquireTimeout: CONNECTING,
  frameMax: FRAME,
  noDelay: true, // RabbitMQ's answers are small: 1 ms instead of 40
});

/** The connection would look for the broker again by itself; here, whatever happens to it ends it. */
async function connect(
  connection: Connection,
  exchange: string,
  { events, signal }: { events: SessionEvents; signal: AbortSignal },
): Promise<Session> {
  const destroy = () => connection.unsafeDestroy();
  signal.addEventListener('abort', destroy, { once: true });
  try {
    const channel = await opened(connection, events);
    const queue = await declared(channel, exchange);
    await channel.basicConsume({ queue, noAck: true }, (message) =>
      events.hear(message.routingKey, bytesOf(message)),
    );
    return session(connection, channel, { exchange, queue });
  } catch (error) {
    destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', destroy);
  }
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

async function declared(channel: Channel, exchange: string): Promise<string> {
  await channel.confirmSelect();
  await channel.exchangeDeclare({ exchange, type: 'direct', durable: false });
  const { queue } = await channel.queueDeclare({ exclusive: true, autoDelete: true });
  return queue;
}

function session(
  connection: Connection,
  channel: Channel,
  { exchange, queue }: { exchange: string; queue: string },
): Session {
  return {
    publish: (routingKey, payload) => channel.basicPublish({ exchange, routingKey }, payload),
    listen: (routingKey) => channel.queueBind({ exchange, queue, routingKey }),
    unlisten: (routingKey) => channel.queueUnbind({ exchange, queue, routingKey }),
    async end() {
      await channel.close();
      await connection.close();
    },
    destroy: () => connection.unsafeDestroy(),
  };
}

/** The client takes apart what calls itself JSON or text; ours never does. */
function bytesOf({ body }: AsyncMessage): Buffer {
  return Buffer.isBuffer(body) ? body : NO_BYTES;
}
