import type { Namespace } from 'socket.io';
import { ClusterAdapterWithHeartbeat } from 'socket.io-adapter';
import type { BrokerLink } from './broker-link.js';
import { withEncodableResponses, localFirst } from './cluster-adapters.js';
import { checkClusterMessage, topicOf } from './cluster-message.js';
import { decode, encode } from './codec.js';
import { fromPortable, toPortable, mapData } from './portable.js';
import type { AdapterFactory } from './queue.js';

/** socket.io's cluster adapter over a link, for brokers without an adapter of their own. */
export function linkAdapter(link: BrokerLink): AdapterFactory {
  return function factory(namespace: Namespace) {
    return withEncodableResponses(localFirst(new LinkAdapter(namespace, link)), link);
  } as AdapterFactory;
}

class LinkAdapter extends ClusterAdapterWithHeartbeat {
  readonly #topic: string;
  readonly #responseTopic: string;

  constructor(
    namespace: Namespace,
    private readonly link: BrokerLink,
  ) {
    super(namespace, {});
    this.#topic = topicOf(link.channel, namespace.name);
    this.#responseTopic = `${this.#topic}${this.uid}`;
    const listener = (payload: Buffer) =>
      this.onMessage(mapData(namespace.server, checkClusterMessage(decode(payload)), fromPortable));
    link.subscribe(this.#topic, listener);
    link.subscribe(this.#responseTopic, listener);
  }

  override close(): void {
    super.close();
    this.link.unsubscribe(this.#topic);
    this.link.unsubscribe(this.#responseTopic);
  }

  protected override doPublish(message: object): Promise<string> {
    this.link.publish(this.#topic, encode(mapData(this.nsp.server, message, toPortable)));
    return Promise.resolve('');
  }

  protected override doPublishResponse(requester: string, response: object): Promise<void> {
    this.link.publish(`${this.#topic}${requester}`, encode(response));
    return Promise.resolve();
  }
}
