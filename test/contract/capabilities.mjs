// What the back ends of `messageQueue` have in common is what the contract suite shows (suite.*.ts). Here stands in
// what they differ: the suite goes by it, and node test/contract/capabilities.mjs writes it into the documentation.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

const page = fileURLToPath(new URL('../../docs/message-queues.md', import.meta.url));
const [begin, end] = ['<!-- generated: test/contract/capabilities.mjs -->', '<!-- end -->'];

/**
 * `largest`: the largest message that arrives with the broker's own settings, in bytes; more is dropped, counted and
 * logged. `missed`: what others said while only this process was cut off. `backWithin`: milliseconds until all is as
 * before an outage.
 */
export const capabilities = {
  Redis: { urls: ['redis://', 'rediss://'], packages: ['redis', '@socket.io/redis-adapter'], largest: 8_388_608, missed: 'lost', backWithin: 10_000 },
  'Redis, sharded': { urls: ['redis-sharded://', 'rediss-sharded://'], packages: ['redis', '@socket.io/redis-adapter'], largest: 8_388_608, missed: 'lost', backWithin: 10_000 },
  'Redis Streams': {
    urls: ['redis-streams://', 'rediss-streams://'],
    packages: ['redis', '@socket.io/redis-streams-adapter'],
    largest: 8_388_608,
    missed: 'arrives when it is back',
    backWithin: 10_000,
  },
  RabbitMQ: { urls: ['amqp://', 'amqps://'], packages: ['rabbitmq-client'], largest: 8_388_608, missed: 'lost', backWithin: 10_000 },
  NATS: { urls: ['nats://', 'tls://'], packages: ['@nats-io/transport-node'], largest: 1_048_576, missed: 'lost', backWithin: 10_000 },
  PostgreSQL: { urls: ['postgres://', 'postgresql://'], packages: ['pg'], largest: 8_388_608, missed: 'lost', backWithin: 10_000 },
}; // prettier-ignore

const mebibytes = (bytes) => `${bytes / 1_048_576} MiB`;
const code = (text) => `\`${text}\``;

function row([name, { urls, packages, largest, missed, backWithin }]) {
  const cells = [
    name,
    urls.map(code).join(', '),
    code(`npm install ${packages.join(' ')}`),
    mebibytes(largest),
    'goes on',
    'kept, and sent when it is back',
    missed,
    `${backWithin / 1_000} s`,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The page as it should be. */
export async function updated() {
  const text = readFileSync(page, 'utf8');
  const [before, rest] = text.split(begin);
  const [, after] = rest.split(end);
  const heads = ['Broker', 'URL', 'Needs', 'Largest message', 'Own clients, while it is away', 'What is said meanwhile', 'What others say while only this process is cut off', 'All as before within']; // prettier-ignore
  const table = [heads, heads.map(() => '---')].map((cells) => `| ${cells.join(' | ')} |`);
  const whole = [
    before + begin,
    '',
    ...table,
    ...Object.entries(capabilities).map(row),
    '',
    end + after,
  ].join('\n');
  return format(whole, { ...(await resolveConfig(page)), filepath: page });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, await updated());
