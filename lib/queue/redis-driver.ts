import type { RedisClientType } from 'redis';
import type { Driver, DriverEvents, Listener } from './queue.js';

/** How a topic is subscribed to: `PSUBSCRIBE` for a pattern, `SSUBSCRIBE` for a shard's. */
export type Subscription = 'exact' | 'pattern' | 'sharded';

interface Subscribed {
  listener: Listener;
  as: Subscription;
  made: boolean;
}

/** Redis's PUBLISH and SUBSCRIBE through the package `redis`, on two connections: a subscriber may not publish. */
export class RedisDriver implements Driver {
  readonly #topics = new Map<string, Subscribed>();
  #events: DriverEvents | undefined;

  constructor(
    readonly publisher: RedisClientType,
    private readonly subscriber: RedisClientType,
  ) {}

  open(events: DriverEvents): void {
    this.#events = events;
    for (const client of [this.publisher, this.subscriber]) {
      client.on('error', (error: unknown) => events.away(error));
      client.on('ready', () => void this.#ready());
      client.connect().catch((error: unknown) => events.away(error));
    }
  }

  async publish(topic: string, payload: Buffer): Promise<void> {
    await this.publisher.publish(topic, payload);
  }

  /** The same to the shard of a topic. */
  async publishSharded(topic: string, payload: Buffer): Promise<void> {
    await this.publisher.sPublish(topic, payload);
  }

  subscribe(topic: string, listener: Listener, as: Subscription = 'exact'): void {
    this.#topics.set(topic, { listener, as, made: false });
    if (this.subscriber.isReady) void this.#make(topic);
  }

  unsubscribe(topic: string): void {
    const subscribed = this.#topics.get(topic);
    this.#topics.delete(topic);
    if (!subscribed?.made || !this.subscriber.isReady) return;
    this.#unsubscribe(topic, subscribed.as).catch((error: unknown) => this.#events?.away(error));
  }

  /** How many processes have subscribed to a topic. */
  async count(topic: string, as: Subscription): Promise<number> {
    const numSub = as === 'sharded' ? 'SHARDNUMSUB' : 'NUMSUB';
    const reply = await this.publisher.sendCommand<[string, number | string]>(['PUBSUB', numSub, topic]);
    return Number(reply[1]);
  }

  close(timeout: number): Promise<void> {
    const clients = [this.publisher, this.subscriber];
    const deadline = setTimeout(
      () => clients.forEach((client) => client.isOpen && client.destroy()),
      timeout,
    );
    const closing = clients.map((client) => ended(client));
    return Promise.allSettled(closing).then(() => clearTimeout(deadline));
  }

  /** The client repeats the subscriptions that it knows; those made while it was away are ours to make. */
  async #ready(): Promise<void> {
    if (!this.publisher.isReady || !this.subscriber.isReady) return;
    const waiting = [...this.#topics].filter(([, { made }]) => !made);
    await Promise.all(waiting.map(([topic]) => this.#make(topic)));
    if (this.publisher.isReady && this.subscriber.isReady) this.#events?.up();
  }

  async #make(topic: string): Promise<void> {
    const subscribed = this.#topics.get(topic);
    if (!subscribed) return;
    subscribed.made = true;
    const hear = (payload: Buffer, from: Buffer) => subscribed.listener(payload, from.toString());
    try {
      if (subscribed.as === 'exact') await this.subscriber.subscribe(topic, hear, true);
      else if (subscribed.as === 'pattern') await this.subscriber.pSubscribe(topic, hear, true);
      else await this.subscriber.sSubscribe(topic, hear, true);
    } catch (error) {
      subscribed.made = false;
      this.#events?.away(error);
    }
  }

  async #unsubscribe(topic: string, as: Subscription): Promise<void> {
    if (as === 'exact') await this.subscriber.unsubscribe(topic);
    else if (as === 'pattern') await this.subscriber.pUnsubscribe(topic);
    else await this.subscriber.sUnsubscribe(topic);
  }
}

async function ended(client: RedisClientType): Promise<void> {
  if (client.isReady) await client.close();
  else if (client.isOpen) client.destroy();
}
