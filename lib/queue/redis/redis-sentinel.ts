import type { RedisClientOptions, RedisClientType } from 'redis';
import { failure } from '../../common/errors.js';
import type { Backend } from '../back-end.js';
import { withoutPassword } from '../queue-url.js';
import { clientMaker, withTimeout, type MakeClient, RedisDriver, redisSession } from './redis-session.js';
import { redisParts } from './redis.js';

const PORT = 26_379;

const FORM = 'it must read redis+sentinel://[user:password@]host:26379,host:26379/name-of-the-master';

/** What a URL says of sentinels, and of the master that they watch. */
interface Sentinels {
  hosts: { host: string; port: number }[];
  master: string;
  /** For the master and its replicas. */
  login: Pick<RedisClientOptions, 'username' | 'password' | 'database'>;
  /** For the sentinels themselves. */
  sentinelPassword: string | undefined;
}

/**
 * Redis behind sentinels: they are asked for the master whenever a connection is made, and the answer is taken only
 * from one that is a master itself, so that after a failover nobody stays with the old one.
 */
export const backend: Backend = {
  name: 'Redis with Sentinel',
  packages: { driver: 'redis', adapter: '@socket.io/redis-adapter' },
  open({ url, channel }) {
    const make = clientMaker();
    const sentinels = parsed(url);
    const driver = new RedisDriver(async (events, signal) => {
      const socket = await masterOf(make, sentinels);
      const options = { ...sentinels.login, socket };
      const clients = { publisher: make(options), subscriber: make(options) };
      const session = await redisSession(clients, 'exact', { events, signal });
      await demandMaster(clients.publisher).catch((error: unknown) => {
        session.destroy();
        throw error;
      });
      return session;
    });
    return redisParts(driver, channel);
  },
};

/** A URL with several hosts is none for the parser of URLs. */
function parsed(url: string): Sentinels {
  const [, login = '', hosts = '', path = ''] = /^[^:]+:\/\/(?:([^@/]*)@)?([^/]*)\/?(.*)$/.exec(url) ?? [];
  const [master = '', query] = path.split('?', 2);
  const parameters = new URLSearchParams(query);
  const [username, password] = login.split(/:(.*)/s, 2).map(decodeURIComponent);
  if (hosts === '' || master === '') throw failure('FSK_INVALID_QUEUE', withoutPassword(url), FORM);
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

/** The first sentinel that answers is believed; the last error is the one that is told. */
async function masterOf(
  make: MakeClient,
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
  await withTimeout(sentinel.connect());
  const address = await withTimeout(sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]));
  if (!Array.isArray(address)) throw new Error(`the sentinels do not know ${master}`);
  return address.map(String) as [string, string];
}

async function demandMaster(client: RedisClientType): Promise<void> {
  const role = await withTimeout(client.sendCommand(['ROLE']));
  if (!Array.isArray(role) || role[0] !== 'master')
    throw new Error('the sentinels named a server that is no master');
}
