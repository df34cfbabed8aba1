import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, scratchFolder, ServerProcess, wipe } from './server-process.js';

/** A real message broker on a free port of this machine, not yet started. Whatever is left of it ends with the process. */
export interface Broker {
  readonly url: string;
  start(): Promise<void>;
  /** Ends it properly. */
  stop(): Promise<void>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Forgets everything; to be called while it does not run. */
  empty(): void;
  /** It hangs: connections stay open, nothing is answered. */
  pause(): void;
  resume(): void;
  /** How many queues there are, with a broker that could keep those of processes that have gone. */
  leftovers?(): number;
}

/** Redis, which keeps nothing over a restart. `options` go to its command line. */
export async function redisBroker(...options: string[]): Promise<Broker> {
  const port = await freePort();
  const settings = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--dir',
    scratchFolder('redis'),
  ];
  const server = new ServerProcess({
    command: ['redis-server', ...settings, ...options],
    port,
    hello: 'PING\r\n',
    answer: /PONG/,
  });
  return broker(server, `redis://127.0.0.1:${port}`);
}

/** A broker with a certificate that nobody vouches for; `ca` is for NODE_EXTRA_CA_CERTS of those who do. */
export interface TlsBroker extends Broker {
  readonly ca: string;
}

/** Redis that speaks TLS only. */
export async function redisTlsBroker(): Promise<TlsBroker> {
  const port = await freePort();
  const { cert, key } = certificate();
  const tls = ['--tls-port', `${port}`, '--tls-cert-file', cert, '--tls-key-file', key];
  const settings = ['--port', '0', '--bind', '127.0.0.1', '--save', '', '--tls-auth-clients', 'no'];
  const command: [string, ...string[]] = ['redis-server', ...settings, ...tls];
  const server = new ServerProcess({ command, port });
  return { ...broker(server, `rediss://localhost:${port}`), ca: cert };
}

/** A Redis with a replica, and the sentinel that makes the replica the master when the master is away. */
export interface SentinelBroker extends Broker {
  /** Kills the master: the replica becomes it. */
  failOver(): Promise<void>;
}

/** Redis behind a sentinel. */
export async function sentinelBroker(): Promise<SentinelBroker> {
  const master = await redisBroker('--repl-diskless-sync-delay', '0');
  const masterPort = new URL(master.url).port;
  const replica = await redisBroker('--replicaof', '127.0.0.1', masterPort);
  const port = await freePort();
  const file = join(scratchFolder('sentinel'), 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor the-master 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds the-master 500',
    'sentinel failover-timeout the-master 3000',
  ];
  writeFileSync(file, lines.join('\n'));
  const sentinel = new ServerProcess({
    command: ['redis-server', file, '--sentinel'],
    port,
    hello: 'SENTINEL REPLICAS the-master\r\n',
    answer: /\nslave/, // it has found the replica
  });
  const all = [master, replica, sentinel];
  return {
    ...broker(sentinel, `redis+sentinel://127.0.0.1:${port}/the-master`),
    async start() {
      for (const server of all) await server.start();
    },
    async kill() {
      await Promise.all(all.map((server) => server.kill()));
    },
    async failOver() {
      await master.kill();
    },
  };
}

/** A Redis Cluster of three masters. */
export interface ClusterBroker extends Broker {
  /** Gives the slot of a key to another master, with the keys that are in it. */
  move(key: string): void;
  /** Kills the master of a key, and resolves when its replica is one in its place. */
  failOver(key: string): Promise<void>;
}

/** A Redis Cluster, with so many replicas for each master. */
export async function redisClusterBroker({ replicas = 0 } = {}): Promise<ClusterBroker> {
  const nodes = await Promise.all(Array.from({ length: 3 * (1 + replicas) }, () => clusterNode()));
  const ports = nodes.map(({ url }) => new URL(url).port);
  const each = (what: (node: Broker) => unknown) => Promise.all(nodes.map(what));
  const masterOf = (key: string) => {
    const slot = Number(redisCli(ports[0]!, 'cluster', 'keyslot', key));
    const shards = shardsOf(ports);
    return { slot, shards, master: shards.find(({ from, to }) => from <= slot && slot <= to)! };
  };
  let isFormed = false;
  return {
    ...nodes[0]!,
    async start() {
      await each((node) => node.start());
      if (!isFormed) {
        const addresses = ports.map((port) => `127.0.0.1:${port}`);
        const form = ['--cluster', 'create', ...addresses, '--cluster-replicas', `${replicas}`];
        execFileSync('redis-cli', [...form, '--cluster-yes'], { stdio: 'ignore' });
        isFormed = true;
      }
      while (!ports.every(isReady)) await delay(25);
    },
    stop: async () => void (await each((node) => node.stop())),
    kill: async () => void (await each((node) => node.kill())),
    pause: () => void each((node) => node.pause()),
    resume: () => void each((node) => node.resume()),
    move(key) {
      const { slot, shards, master } = masterOf(key);
      const other = shards.find(({ port }) => port !== master.port)!;
      redisCli(other.port, 'cluster', 'setslot', `${slot}`, 'importing', master.id);
      redisCli(master.port, 'cluster', 'setslot', `${slot}`, 'migrating', other.id);
      const keys = redisCli(master.port, 'cluster', 'getkeysinslot', `${slot}`, '10').split('\n');
      const migrate = ['migrate', '127.0.0.1', other.port, '', '0', '5000', 'keys'];
      redisCli(master.port, ...migrate, ...keys.filter((found) => found !== ''));
      for (const { port } of [other, master, ...shards])
        redisCli(port, 'cluster', 'setslot', `${slot}`, 'node', other.id);
    },
    async failOver(key) {
      const { master } = masterOf(key);
      await nodes[ports.indexOf(master.port)]!.kill();
      ports.splice(ports.indexOf(master.port), 1);
      while (shardsOf(ports).some(({ port }) => port === master.port)) await delay(25);
    },
  };
}

async function clusterNode(): Promise<Broker> {
  const settings = ['--cluster-node-timeout', '1000', '--cluster-port', `${await freePort()}`];
  return await redisBroker('--cluster-enabled', 'yes', '--repl-diskless-sync-delay', '0', ...settings);
}

/** Whether a node of a cluster has found all others, and its master. */
function isReady(port: string): boolean {
  const isWhole = redisCli(port, 'cluster', 'info').includes('cluster_state:ok');
  return isWhole && !redisCli(port, 'info', 'replication').includes('master_link_status:down');
}

const redisCli = (port: string, ...command: string[]) =>
  execFileSync('redis-cli', ['-p', port, ...command], { encoding: 'utf8' });

/** Which master of a cluster has which slots, as its first node knows them. */
function shardsOf([port]: string[]) {
  const slots = JSON.parse(redisCli(port!, '--json', 'cluster', 'slots')) as [
    from: number,
    to: number,
    master: [host: string, port: number, id: string],
  ][];
  return slots.map(([from, to, [, own, id]]) => ({ from, to, port: `${own}`, id }));
}

/** A certificate for localhost, signed by itself. */
function certificate(): { cert: string; key: string } {
  const folder = scratchFolder('certificate');
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}

/** NATS, which takes messages as large as ours: 1 MB unless it is told otherwise. `more` goes to its settings. */
export async function natsBroker(more = ''): Promise<Broker> {
  const port = await freePort();
  const settings = join(scratchFolder('nats'), 'nats.conf');
  writeFileSync(settings, `listen: 127.0.0.1:${port}\nmax_payload: 8MB\n${more}`);
  const command: [string, ...string[]] = [natsServer, '-c', settings];
  const server = new ServerProcess({ command, port, hello: '', answer: /^INFO / });
  return broker(server, `nats://127.0.0.1:${port}`);
}

/** NATS that speaks TLS only. */
export async function natsTlsBroker(): Promise<TlsBroker> {
  const { cert, key } = certificate();
  const plain = await natsBroker(`tls { cert_file: "${cert}", key_file: "${key}" }\n`);
  return { ...plain, url: plain.url.replace('nats://127.0.0.1', 'tls://localhost'), ca: cert };
}

const natsServer = ['/usr/sbin/nats-server', '/usr/bin/nats-server'].find(existsSync) ?? 'nats-server';

/** RabbitMQ; takes some seconds to start. `more` goes to its settings. */
export async function rabbitBroker(more = ''): Promise<Broker> {
  const [port, distribution, epmd] = [await freePort(), await freePort(), await freePort()];
  const home = scratchFolder('rabbitmq');
  const data = join(home, 'data');
  const env = {
    HOME: home,
    ERL_EPMD_PORT: `${epmd}`,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `test-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_MNESIA_BASE: data,
    RABBITMQ_LOG_BASE: home,
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'plugins'),
  };
  writeFileSync(
    env.RABBITMQ_CONFIG_FILE,
    `vm_memory_high_watermark.relative = 0.8\ndisk_free_limit.absolute = 1MB\n${more}`,
  );
  writeFileSync(env.RABBITMQ_ENABLED_PLUGINS_FILE, '[].');
  // The names' server of Erlang would become a daemon and stay for ever.
  const names = new ServerProcess({ command: ['epmd', '-port', `${epmd}`], env, port: epmd });
  await names.start();
  const server = new ServerProcess({
    command: [join(rabbitPrograms, 'rabbitmq-server')],
    env,
    port,
    hello: Buffer.from('AMQP\0\0\x09\x01', 'latin1'),
    answer: /RabbitMQ/,
  });
  return {
    ...broker(server, `amqp://guest:guest@127.0.0.1:${port}`, data),
    leftovers() {
      const list = ['--silent', 'list_queues', 'name'];
      const options = { env: { ...process.env, ...env }, encoding: 'utf8' as const };
      const output = execFileSync(join(rabbitPrograms, 'rabbitmqctl'), list, options);
      return output.split('\n').filter((line) => line.startsWith('amq.gen-')).length;
    },
  };
}

/** RabbitMQ, at its port for TLS. */
export async function rabbitTlsBroker(): Promise<TlsBroker> {
  const port = await freePort();
  const { cert, key } = certificate();
  const settings = [
    `listeners.ssl.1 = 127.0.0.1:${port}`,
    `ssl_options.certfile = ${cert}`,
    `ssl_options.keyfile = ${key}`,
  ];
  const plain = await rabbitBroker(settings.join('\n'));
  return { ...plain, url: `amqps://guest:guest@localhost:${port}`, ca: cert };
}

/** Where Debian has the programs themselves; those in the path change the user. */
const rabbitPrograms = '/usr/lib/rabbitmq/bin';

/** PostgreSQL. Its own programs refuse to run as root. `more` are settings of the server. */
export async function postgresBroker(...more: string[]): Promise<Broker> {
  const port = await freePort();
  const home = scratchFolder('postgres');
  const data = join(home, 'data');
  giveToPostgres(home);
  const initialise = () => {
    wipe(data);
    giveToPostgres(data);
    const options = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'];
    const [file, ...args] = asPostgres('initdb', ...options);
    execFileSync(file, args, { stdio: 'ignore', cwd: home });
  };
  initialise();
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${home}`, ...more];
  const options = settings.flatMap((setting) => ['-c', setting]);
  const server = new ServerProcess({
    command: asPostgres('postgres', '-D', data, '-p', `${port}`, ...options),
    port,
    // "Do you speak TLS?" is answered before anything else, and only by a server that lets clients in.
    hello: startupMessage(),
    answer: /^R/,
    stop: 'SIGINT',
  });
  return { ...broker(server, `postgres://postgres@127.0.0.1:${port}/postgres`), empty: initialise };
}

/** PostgreSQL that is spoken to with TLS. */
export async function postgresTlsBroker(): Promise<TlsBroker> {
  const { cert, key } = certificate();
  for (const path of [dirname(key), key, cert]) giveToPostgres(path);
  const plain = await postgresBroker('ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`);
  return { ...plain, url: `${plain.url}?sslmode=verify-full`, ca: cert };
}

/** How a client of PostgreSQL begins. */
function startupMessage(): Buffer {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + parameters.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, parameters]);
}

const isRoot = process.getuid?.() === 0;

function asPostgres(program: string, ...args: string[]): [string, ...string[]] {
  const version = ['17', '16', '15', '14', '13'].find((number) =>
    existsSync(postgresProgram(number, program)),
  );
  const file = version ? postgresProgram(version, program) : program;
  if (!isRoot) return [file, ...args];
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', file, ...args];
}

const postgresProgram = (version: string, program: string) => `/usr/lib/postgresql/${version}/bin/${program}`;

function giveToPostgres(path: string): void {
  chmodSync(path, statSync(path).isDirectory() ? 0o700 : 0o600);
  if (!isRoot) return;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  chownSync(path, id('-u'), id('-g'));
}

function broker(server: ServerProcess, url: string, data?: string): Broker {
  return {
    url,
    start: () => server.start(),
    stop: () => server.stop(),
    kill: () => server.kill(),
    empty: () => data && wipe(data),
    pause: () => server.pause(),
    resume: () => server.resume(),
  };
}
