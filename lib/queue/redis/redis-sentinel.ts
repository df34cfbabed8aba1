import type { RedisClientOptions, RedisClientType } from 'redis';
import { failure } from '../../common/errors.js';
import type { Backend } from '../back-end.js';
import { withoutPassword } from '../queue-url.js';
import {
  clientFactory,
  withCommandTimeout,
  type CreateClient,
  RedisDriver,
  connectRedis,
} from './redis-connection.js';
import { redisParts } from './redis.js';

const PORT = 26_379;

const URL_FORM = 'it must read redis+sentinel://[user:password@]host:26379,host:26379/name-of-the-master';

/** The parts of a URL. */
interface Sentinels {
  hosts: { host: string; port: number }[];
  master: string;
  /** For the master and its replicas. */
  login: Pick<RedisClientOptions, 'username' | 'password' | 'database'>;
  /** For the sentinels themselves. */
  sentinelPassword: string | undefined;
}

/**
 * Redis behind sentinels. Each connection asks them for the master, and checks that the server is one: after a failover
 * no process stays with the old master.
 */
export const backend: Backend = {
  name: 'Redis with Sentinel',
  packages: { driver: 'redis', adapter: '@socket.io/redis-adapter' },
  open({ url, channel }) {
    const make = clientFactory();
    const sentinels = parseUrl(url);
    const driver = new RedisDriver(async (events, signal) => {
      const socket = await masterOf(make, sentinels);
      const options = { ...sentinels.login, socket };
      const clients = { publisher: make(options), subscriber: make(options) };
      const session = await connectRedis(clients, 'exact', { events, signal });
      await checkMaster(clients.publisher).catch((error: unknown) => {
        session.destroy();
        throw error;
      });
      return session;
    });
    return redisParts(driver, channel);
  },
};

/** `URL` does not parse a URL with several hosts. */
function parseUrl(url: string): Sentinels {
  const [, login = '', hosts = '', path = ''] = /^[^:]+:\/\/(?:([^@/]*)@)?([^/]*)\/?(.*)$/.exec(url) ?? [];
  const [master = '', query] = path.split('?', 2);
  const parameters = new URLSearchParams(query);
  const [username, password] = login.split(/:(.*)/s, 2).map(decodeURIComponent);
  if (hosts === '' || master === '') throw failure('FSK_INVALID_QUEUE', withoutPassword(url), URL_FORM);
  return {
    hosts: hosts.split(',').map(hostOf),
    master: decodeURIComponent(master),
    login: {
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      database: Number(parameters.get('db') ?? 0),
    },
    sentinelPassword: parameters.get('sentinelPassword') ?? undefined,
  };
}

function hostOf(text: string): { host: string; port: number } {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? PORT) };
}

/** Takes the reply of the first sentinel that has one; rejects with the last error. */
async function masterOf(
  make: CreateClient,
  { hosts, master, sentinelPassword }: Sentinels,
): Promise<{ host: string; port: number }> {
  let reason: unknown = new Error(`no sentinel knows ${master}`);
  for (const socket of hosts) {
    const sentinel = make({ socket, ...(sentinelPassword ? { password: sentinelPassword } : {}) });
    try {
      const [host, port] = await addressOf(sentinel, master);
      return { host, port: Number(port) };
    } catch (error) {
      reason = error;
    } finally {
      sentinel.destroy();
    }
  }
  throw reason;
}

async function addressOf(sentinel: RedisClientType, master: string): Promise<[string, string]> {
  sentinel.on('error', () => {}); // `connect` rejects with it
  await withCommandTimeout(sentinel.connect());
  const address = await withCommandTimeout(
    sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]),
  );
  if (!Array.isArray(address)) throw new Error(`the sentinels do not know ${master}`);
  return address.map(String) as [string, string];
}

async function checkMaster(client: RedisClientType): Promise<void> {
  const role = await withCommandTimeout(client.sendCommand(['ROLE']));
  if (!Array.isArray(role) || role[0] !== 'master')
    throw new Error('the sentinels named a server that is no master');
}
