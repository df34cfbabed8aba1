// The programs that the tests talk to and that npm cannot install. Run as a script (`pretest`), it installs
// what is missing where it may (Debian or Ubuntu, as root) and says elsewhere what to install; only with
// CI set is a missing one an error, since there no test may be skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';

const python = '/usr/bin/python3';

const systemPackages = {
  chromium: {
    neededBy: 'the tests that open the demo page in a browser',
    debian: ['chromium'],
    isThere: () => existsSync('/usr/bin/chromium'),
  },
  'python-socketio': {
    neededBy: 'the tests with a Python client',
    debian: ['python3', 'python3-socketio', 'python3-websocket', 'python3-requests', 'python3-aiohttp'],
    isThere: () => runs(python, '-c', 'import socketio, websocket, requests, aiohttp'),
  },
  'python-queue': {
    neededBy: 'the tests with Python processes on a message queue',
    debian: ['python3-socketio', 'python3-redis', 'python3-kombu', 'python3-werkzeug'],
    isThere: () => runs(python, '-c', 'import socketio, redis, kombu, werkzeug'),
  },
  nginx: {
    neededBy: 'the tests behind nginx',
    debian: ['nginx'],
    isThere: () => existsSync('/usr/sbin/nginx'),
  },
  'redis-server': {
    neededBy: 'the tests with Redis',
    debian: ['redis-server', 'openssl'],
    isThere: () => existsSync('/usr/bin/redis-server') && existsSync('/usr/bin/openssl'),
  },
  'rabbitmq-server': {
    neededBy: 'the tests with RabbitMQ',
    debian: ['rabbitmq-server'],
    isThere: () => existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server'),
  },
  'nats-server': {
    neededBy: 'the tests with NATS',
    debian: ['nats-server'],
    isThere: () => existsSync('/usr/sbin/nats-server') || existsSync('/usr/bin/nats-server'),
  },
  postgresql: {
    neededBy: 'the tests with PostgreSQL',
    debian: ['postgresql'],
    isThere: () => existsSync('/usr/lib/postgresql'),
  },
};

/** Whether the named entry of the table is installed, for `describe.skipIf(!have('chromium'))`. */
export function have(name) {
  if (!Object.hasOwn(systemPackages, name)) throw new Error(`No such entry in system-packages.mjs: ${name}`);
  return systemPackages[name].isThere();
}

function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function missing() {
  return Object.keys(systemPackages).filter((name) => !have(name));
}

function debianPackages(names) {
  return names.flatMap((name) => systemPackages[name].debian);
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (run.status !== 0) console.error(`apt-get ${args.join(' ')} failed:\n${run.stdout}${run.stderr}`);
  return run.status === 0;
}

function install(names) {
  console.log(`Installing ${names.join(', ')} …`);
  return aptGet('update') && aptGet('install', '--yes', '--no-install-recommends', ...debianPackages(names));
}

function report(names) {
  for (const name of names) console.error(`Missing: ${name}, needed by ${systemPackages[name].neededBy}`);
  console.error(`On Debian or Ubuntu: sudo apt-get install ${debianPackages(names).join(' ')}`);
}

if (realpathSync(process.argv[1] ?? '.') === import.meta.filename) {
  const mayInstall = process.getuid?.() === 0 && runs('apt-get', '--version');
  if (missing().length > 0 && mayInstall) install(missing());
  const absent = missing();
  if (absent.length > 0) {
    report(absent);
    if (process.env.CI) process.exitCode = 1;
    else console.error('The tests that need them are skipped.');
  }
}
