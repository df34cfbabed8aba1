import { backendOf, withoutPassword } from './back-ends.js';
import { clusterMessage, topicOf } from './cluster-message.js';
import { encode } from './codec.js';
import { Link } from './link.js';
import type { Command, Parts, QueueOptions, Written } from './queue.js';

/** A way to a broker, not yet opened, with what its back end brings. */
export interface OpenLink {
  link: Link;
  adapter: Parts['adapter'];
  /** A command as the adapters of the processes take it. */
  write: (command: Command) => Written;
}

/** Loads the back end of a URL. Rejects for an unknown scheme, a missing package, or a URL that makes no sense. */
export async function openLink(options: QueueOptions): Promise<OpenLink> {
  const backend = await backendOf(options.url);
  const { driver, adapter, write = writerOf(options.channel) } = await backend.open(options);
  return { link: new Link(driver, { ...options, name: withoutPassword(options.url) }), adapter, write };
}

function writerOf(channel: string): (command: Command) => Written {
  return (command) => ({
    topic: topicOf(channel, command.to.nsp),
    payload: encode(clusterMessage(command)),
  });
}
