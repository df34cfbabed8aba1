import { failure } from '../common/errors.js';
import { demand } from '../common/optional-package.js';
import type { Backend, Parts } from './back-end.js';
import { backendOf } from './back-ends.js';
import { clusterMessage, topicOf } from './cluster-message.js';
import { encode } from './codec.js';
import { Link } from './broker-link.js';
import { withHost } from './queue-url.js';
import type { Command, QueueOptions, Written } from './queue.js';
import { withoutPassword } from './without-password.js';

const NOT_SIGNED =
  "cannot be used with protocol 'flask-socketio': Python's processes sign nothing. Leave it out";

/** A way to a broker, not yet opened, with what its back end brings. */
export interface OpenLink {
  link: Link;
  adapter?: Parts['adapter'];
  asker?: Parts['asker'];
  /** A command as the adapters of the processes take it. */
  write: (command: Command) => Written;
}

/** Loads the back end of a URL. Rejects for an unknown scheme, a missing package, or a URL that makes no sense. */
export async function openLink(
  options: QueueOptions,
  { isServer = false }: { isServer?: boolean } = {},
): Promise<OpenLink> {
  if (options.protocol === 'flask-socketio' && options.secret !== undefined)
    throw failure('FSK_INVALID_OPTION', 'queueSecret', NOT_SIGNED);
  const backend = await backendOf(options);
  const name = withoutPassword(options.url);
  demand(packagesOf(backend, isServer), `the message queue ${name}`);
  const {
    driver,
    write = writerOf(options.channel),
    ...parts
  } = backend.open({ ...options, url: withHost(options.url) });
  return { ...parts, link: new Link(driver, { ...options, name }), write };
}

function packagesOf({ packages }: Backend, isServer: boolean): string[] {
  if (!packages) return [];
  return isServer && packages.adapter ? [packages.driver, packages.adapter] : [packages.driver];
}

function writerOf(channel: string): (command: Command) => Written {
  return (command) => ({
    topic: topicOf(channel, command.to.nsp),
    payload: encode(clusterMessage(command)),
  });
}
