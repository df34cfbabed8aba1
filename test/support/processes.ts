import { EventEmitter } from 'node:events';
import { ClusterAdapter, type ClusterMessage, type ClusterResponse } from 'socket.io-adapter';

/** An adapter that joins the servers of one test as a message queue joins processes. */
export function sharedAdapter(): (nsp: unknown) => ClusterAdapter {
  const wire = new EventEmitter().setMaxListeners(0);
  const servers = new Set<unknown>();

  class SharedAdapter extends ClusterAdapter {
    constructor(nsp: { name: string; server: object }) {
      super(nsp);
      servers.add(nsp.server);
      const topic = `to ${nsp.name}`;
      const receive = (message: string) => this.onMessage(JSON.parse(message) as ClusterMessage);
      wire.on(topic, receive);
      this.close = () => void wire.off(topic, receive);
    }

    override doPublish(message: ClusterMessage): Promise<string> {
      wire.emit(`to ${message.nsp}`, JSON.stringify(message));
      return Promise.resolve('');
    }

    override doPublishResponse(_: string, response: ClusterResponse): Promise<void> {
      wire.emit(`to ${response.nsp}`, JSON.stringify(response));
      return Promise.resolve();
    }

    override serverCount(): Promise<number> {
      return Promise.resolve(servers.size);
    }
  }
  return function create(nsp) {
    return new SharedAdapter(nsp as never);
  };
}
