import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measure, serversOf, type Result } from './harness/measure.js';
import { CORES, Process } from './harness/process.js';
import { profile } from './harness/profile.js';
import type { Bench, Question } from './harness/question.js';
import { doubts, page, root } from './harness/report.js';
import { plain, summary } from './harness/table.js';
import { targetTable } from './harness/targets.js';
import { boot } from './questions/boot.js';
import { broadcast } from './questions/broadcast.js';
import { connect } from './questions/connect.js';
import { echo } from './questions/echo.js';
import { idle } from './questions/idle.js';
import { light } from './questions/light.js';
import { reply } from './questions/reply.js';
import { SERVERS, type ServerName } from './servers.js';

/*
 * npm run bench                                  everything, some twenty minutes; writes docs/benchmarks.md
 * npm run bench -- echo light                    single questions, printed only
 * npm run bench -- echo --servers bare,ours      single servers
 * npm run bench -- --quick                       everything at a glance, two minutes; printed only
 * npm run bench -- echo --rounds 60 --ms 500     more and longer rounds
 * npm run bench -- echo --against ../before      with the same server of another checkout, in which `prebench` was run
 * npm run bench -- echo --profile                where the time goes, in ours and in bare socket.io
 */

const QUESTIONS = [echo, reply, broadcast, light, idle, connect, boot];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    ms: { type: 'string' },
    servers: { type: 'string' },
    against: { type: 'string' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});

const { quick, against } = options;
if (against !== undefined) process.env['BENCH_AGAINST'] = resolve(against);
const command = ['npm run bench', ...process.argv.slice(2)].join(' ').replace('bench -', 'bench -- -');
const rounds = Number(options.rounds ?? (quick ? 6 : 30));
const milliseconds = Number(options.ms ?? (options.profile ? 4_000 : quick ? 150 : 300));
const isWhole = names.length === 0 && !quick && !options.servers && against === undefined;
const questions = chosen(
  names,
  QUESTIONS.map(({ name }) => name),
).map((name) => QUESTIONS.find((question) => question.name === name)!);

function chosen<Name extends string>(wanted: readonly string[], known: readonly Name[]): Name[] {
  const unknown = wanted.filter((name) => !known.includes(name as Name));
  if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(', ')}. Known: ${known.join(', ')}.`);
  return wanted.length > 0 ? (wanted as Name[]) : [...known];
}

function serversFor(question: Question): ServerName[] {
  const few = against === undefined ? ['bare', 'ours'] : ['bare', 'ours', 'against'];
  const wanted = options.servers?.split(',') ?? (options.profile || against !== undefined ? few : []);
  return serversOf(question, chosen(wanted, Object.keys(SERVERS) as ServerName[]));
}

async function report(bench: Bench): Promise<void> {
  const results: Result[] = [];
  for (const question of questions) {
    const subjectOf = (server: ServerName) => question.subject(server, bench);
    const samples = await measure(subjectOf, {
      servers: serversFor(question),
      rounds: Math.min(rounds, question.rounds ?? rounds),
    });
    const result = { question, samples };
    results.push(result);
    console.log([`\n${question.title}\n`, plain(summary(result)), ...doubts(result)].join('\n'));
  }
  console.log(`\n${plain(targetTable(results))}`);
  if (isWhole) writeFileSync(`${root}/docs/benchmarks.md`, await page(results, command));
}

async function profiles(bench: Bench): Promise<void> {
  for (const question of questions) {
    for (const server of serversFor(question)) await profile(question, server, bench);
  }
}

const load = await Process.start<object>(
  [process.execPath, fileURLToPath(new URL('load/main.js', import.meta.url))],
  {
    core: CORES.load,
  },
);
try {
  const bench = { load, milliseconds, scale: quick ? 0.2 : 1 };
  await (options.profile ? profiles(bench) : report(bench));
} finally {
  await load.stop();
}
