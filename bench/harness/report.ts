import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { format as pretty, resolveConfig } from 'prettier';
import { SERVERS } from '../servers.js';
import type { Result } from './measure.js';
import { canPin } from './process.js';
import { markdown, rawNumbers, seriesOf, summary } from './table.js';
import { targetTable } from './targets.js';

export const root = dirname(createRequire(import.meta.url).resolve('nestjs-flask-socket/package.json'));

/** The page that a whole run writes. */
export async function page(results: readonly Result[], command: string): Promise<string> {
  const text = [
    '# Benchmarks',
    `Written by \`${command}\`; not to be edited. How it is measured stands at the end.`,
    '## Targets',
    'Ratios of CPU time, memory or latency: less is better.',
    markdown(targetTable(results)),
    readFileSync(`${root}/bench/remarks.md`, 'utf8'),
    ...results.flatMap(chapter),
    '## How it is measured',
    method(),
    '## Where',
    markdown([['', ''], ...circumstances(command)]),
    '## All numbers',
    ...results.map(rawChapter),
  ].join('\n\n');
  const path = `${root}/docs/benchmarks.md`;
  return await pretty(text, { ...(await resolveConfig(path)), filepath: path });
}

/** What went wrong with the measuring itself. */
export function doubts({ question, samples }: Result): string[] {
  if (!question.metrics.some(({ key }) => key === 'share')) return [];
  return [...samples.keys()]
    .filter((server) => Math.max(...seriesOf(samples, { server, metric: { key: 'share' } })) > 0.85)
    .map(
      (server) =>
        `${SERVERS[server].title}: the load generator was busy for more than 85 % of the time in a round, so that the throughput may be its own. The CPU time is the server's in any case.`,
    );
}

function chapter(result: Result): string[] {
  const { title, about, name } = result.question;
  return [
    `## ${title}`,
    `${about} (\`npm run bench -- ${name}\`)`,
    markdown(summary(result)),
    ...doubts(result),
  ];
}

function rawChapter(result: Result): string {
  return `<details><summary>${result.question.title}</summary>\n\n${markdown(rawNumbers(result))}\n\n</details>`;
}

function method(): string {
  const absent = Object.values(SERVERS).filter((server) => !server.isThere());
  return [
    'Each server is a process of its own, with the same settings and the same 20 handlers; NODE_ENV is production.',
    canPin
      ? 'The servers share one core, one of them working at a time; the load comes from a process on another core.'
      : 'The load comes from a process of its own. (Nothing ties the processes to cores here.)',
    'It speaks the raw protocol over TCP, checks the answers, and costs little.',
    'A round is a fraction of a second, and there are many: servers are warmed up under full load, then their rounds alternate, so that they meet the same machine, another one first in each round. Each starts with a moment that is not measured.',
    'After 15 rounds all are started anew: how fast a process is depends on luck, too, such as where its code comes to lie.',
    'CPU time is that of the whole server process, all threads, kernel included, from before the first event to after the last, divided by the events.',
    'The tables show medians, with the first and the third quartile in parentheses; ratios are taken round by round, and the median of the ratios is shown.',
    ...absent.map(({ title }) => `Not installed here, therefore left out: ${title}.`),
  ].join(' ');
}

function circumstances(command: string): string[][] {
  const [first] = cpus();
  const packages = ['socket.io', 'ws', '@nestjs/core', '@nestjs/websockets', '@nestjs/platform-socket.io'];
  return [
    ['Command', `\`${command}\``],
    ['Date', new Date().toISOString().slice(0, 10)],
    ['CPU', `${first?.model.trim()}, ${availableParallelism()} cores`],
    ['Memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['System', `${process.platform} ${process.arch}`],
    ['Node', process.version],
    ['nestjs-flask-socket', versionOf(root)],
    ...packages.map((name) => [name, versionOf(`${root}/node_modules/${name}`)]),
    ['socket.io of the Nest gateways', nestedVersion()],
  ];
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { version: string }).version;
}

/** The platform package pins a version, which npm installs beside the application's if they differ. */
function nestedVersion(): string {
  const platform = createRequire(`${root}/node_modules/@nestjs/platform-socket.io/package.json`);
  return (platform('socket.io/package.json') as { version: string }).version;
}
