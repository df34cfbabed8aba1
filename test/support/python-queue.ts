import { randomUUID } from 'node:crypto';
import { Connection } from 'rabbitmq-client';
import { createClient } from 'redis';
import { onTestFinished } from 'vitest';
import { Journal } from './journal.js';

/** A message of python-socketio's processes. */
export type Message = Record<string, unknown>;

/** The process whose messages the tests write. */
export const HOST = '0123456789abcdef0123456789abcdef';

/** A name for one test's channel. */
export const newChannel = () => `fleet-${randomUUID()}`;

/** The channel of python-socketio's processes, written to and listened to by hand. */
export class PythonQueue {
  readonly heard = new Journal<Message>();
  /** How RabbitMQ's messages were marked. */
  readonly marks: object[] = [];

  private constructor(
    private readonly publishRaw: (payload: string | Buffer) => Promise<unknown>,
    readonly channel: string,
  ) {}

  static async onRedis(url: string, channel = newChannel()): Promise<PythonQueue> {
    const publisher = createClient({ url });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    onTestFinished(() => [publisher, subscriber].forEach((client) => client.destroy()));
    const queue = new PythonQueue((payload) => publisher.publish(channel, payload), channel);
    await subscriber.subscribe(channel, (text) => queue.#hear(text));
    return queue;
  }

  static async onRabbit(url: string, channel = newChannel()): Promise<PythonQueue> {
    const connection = new Connection(url);
    onTestFinished(() => connection.unsafeDestroy());
    const rabbit = await connection.acquire();
    await rabbit.exchangeDeclare({ exchange: channel, type: 'fanout', durable: false });
    const { queue: own } = await rabbit.queueDeclare({ exclusive: true });
    await rabbit.queueBind({ queue: own, exchange: channel, routingKey: '' });
    const text = { contentType: 'text/plain', contentEncoding: 'utf-8' };
    const to = { exchange: channel, routingKey: '', ...text };
    const publish = (payload: string | Buffer) => rabbit.basicPublish(to, Buffer.from(payload));
    const queue = new PythonQueue(publish, channel);
    await rabbit.basicConsume({ queue: own, noAck: true }, ({ body, contentType, contentEncoding }) => {
      queue.marks.push({ contentType, contentEncoding });
      queue.#hear(String(body));
    });
    return queue;
  }

  /** Publishes bytes as they are. */
  async raw(payload: string | Buffer): Promise<void> {
    await this.publishRaw(payload);
  }

  /** Publishes a message, with Python's white space. */
  async say(message: Message): Promise<void> {
    await this.raw(JSON.stringify({ ...message, host_id: message['host_id'] ?? HOST }, null, 1));
  }

  /** Publishes an event; what is not given is as python-socketio has it by default. */
  emit(event: string, data: unknown, more: Message = {}): Promise<void> {
    const rest = { namespace: '/', room: null, skip_sid: null, callback: null };
    return this.say({ method: 'emit', event, data, binary: false, ...rest, ...more });
  }

  /** The next message of this method that our processes publish, or the first one that has been. */
  next(method: string): Promise<Message> {
    return this.heard.find((message) => message['method'] === method && message['host_id'] !== HOST);
  }

  #hear(text: string): void {
    try {
      this.heard.add(JSON.parse(text) as Message);
    } catch {
      // one of the malformed ones that a test has written
    }
  }
}
