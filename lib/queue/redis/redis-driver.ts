import type { Listener } from '../queue.js';
import { SessionDriver, type Broker } from '../session-driver.js';
import { addressOf, type RedisSession, type Subscription } from './redis-session.js';

export type { Subscription } from './redis-session.js';

/** Redis's PUBLISH and SUBSCRIBE, or SPUBLISH and SSUBSCRIBE, through the package `redis`. */
export class RedisDriver extends SessionDriver<RedisSession> {
  constructor(
    connect: Broker<RedisSession>['connect'],
    private readonly usual: 'exact' | 'sharded' = 'exact',
  ) {
    super({ connect, address: (topic) => topic });
  }

  override subscribe(topic: string, listener: Listener, as: Subscription = this.usual): void {
    super.subscribe(addressOf(topic, as), listener);
  }

  override unsubscribe(topic: string, as: Subscription = this.usual): void {
    super.unsubscribe(addressOf(topic, as));
  }

  /** How many processes have subscribed to a topic. */
  async count(topic: string, as: Subscription): Promise<number> {
    const numSub = as === 'sharded' ? 'SHARDNUMSUB' : 'NUMSUB';
    const reply = await this.session.ask(topic, ({ publisher }) =>
      publisher.sendCommand<[string, number | string]>(['PUBSUB', numSub, topic]),
    );
    return Number(reply[1]);
  }
}
