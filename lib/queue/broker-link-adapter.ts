import type { Namespace } from 'socket.io';
import { ClusterAdapterWithHeartbeat } from 'socket.io-adapter';
import type { BrokerLink } from './broker-link.js';
import { answeringAlways, localFirst } from './cluster-adapters.js';
import { checkClusterMessage, topicOf } from './cluster-message.js';
import { decode, encode } from './codec.js';
import { arriving, leaving, passing } from './portable.js';
import type { AdapterFactory } from './queue.js';

/** socket.io's cluster adapter over a link, for the brokers that have none of their own. */
export function linkAdapter(link: BrokerLink): AdapterFactory {
  return function factory(namespace: Namespace) {
    return answeringAlways(localFirst(new LinkAdapter(namespace, link)), link);
  } as AdapterFactory;
}

class LinkAdapter extends ClusterAdapterWithHeartbeat {
  readonly #topic: string;
  readonly #answers: string;

  constructor(
    namespace: Namespace,
    private readonly link: BrokerLink,
  ) {
    super(namespace, {});
    this.#topic = topicOf(link.channel, namespace.name);
    this.#answers = `${this.#topic}${this.uid}`;
    const listener = (payload: Buffer) =>
      this.onMessage(passing(namespace.server, checkClusterMessage(decode(payload)), arriving));
    link.subscribe(this.#topic, listener);
    link.subscribe(this.#answers, listener);
  }

  override close(): void {
    super.close();
    this.link.unsubscribe(this.#topic);
    this.link.unsubscribe(this.#answers);
  }

  protected override doPublish(message: object): Promise<string> {
    this.link.publish(this.#topic, encode(passing(this.nsp.server, message, leaving)));
    return Promise.resolve('');
  }

  protected override doPublishResponse(requester: string, response: object): Promise<void> {
    this.link.publish(`${this.#topic}${requester}`, encode(response));
    return Promise.resolve();
  }
}
