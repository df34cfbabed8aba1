import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVERS, type ServerName } from '../servers.js';
import type { Bench, Question } from './question.js';
import { format, plain } from './table.js';

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** Puts a question to one server under the profiler and prints where the time went. */
export async function profile(question: Question, server: ServerName, bench: Bench): Promise<void> {
  const subject = await question.subject(server, bench);
  try {
    if (!subject.process) throw new Error(`'${question.name}' starts a server per round and has no profile.`);
    await subject.warmUp?.();
    const path = join(mkdtempSync(join(tmpdir(), 'bench-')), `${question.name}-${server}.cpuprofile`);
    await subject.process.ask({ ask: 'startProfile' });
    const { cpu } = await subject.round();
    await subject.process.ask({ ask: 'stopProfile', path });
    const times = selfTimes(JSON.parse(readFileSync(path, 'utf8')) as Profile);
    console.log(`\n${question.title}: ${SERVERS[server].title}, ${format(cpu!, 2)} µs each\n${path}\n`);
    console.log(plain([['by package', 'share', 'µs each'], ...shares(times, ({ origin }) => origin, cpu!)]));
    console.log();
    console.log(plain([['by function', 'share', 'µs each'], ...shares(times, ({ name }) => name, cpu!)]));
  } finally {
    await subject.stop();
  }
}

interface SelfTime {
  name: string;
  origin: string;
  time: number;
}

/** What each function took itself. Without being idle. */
function selfTimes({ nodes, samples, timeDeltas }: Profile): SelfTime[] {
  const times = new Map<number, number>();
  samples.forEach((id, index) => times.set(id, (times.get(id) ?? 0) + timeDeltas[index]!));
  return nodes
    .filter(
      ({ callFrame: { functionName, url } }) => functionName !== '(idle)' && !isProfiler(functionName, url),
    )
    .map(({ id, callFrame: { functionName, url, lineNumber } }) => ({
      name: `${functionName || '(anonymous)'} ${url && `${shorten(url)}:${lineNumber + 1}`}`,
      origin: originOf(functionName, url),
      time: times.get(id) ?? 0,
    }));
}

/** The profiler's own work. */
function isProfiler(name: string, url: string): boolean {
  return name === 'dispatch' && url === '';
}

const shorten = (url: string) =>
  url.replace(/^.*\/node_modules\//, '').replace(/^file:.*?(?=\/(dist|bench)\/)/, '');

/** The package that a function belongs to. */
function originOf(functionName: string, url: string): string {
  if (functionName.startsWith('(')) return functionName;
  if (url.startsWith('node:')) return 'node';
  if (url === '') return 'native';
  const [, name] = /^((?:@[^/]+\/)?[^/]+)/.exec(shorten(url).replace(/^\//, '')) ?? [];
  return { dist: 'nestjs-flask-socket', bench: 'handlers' }[name ?? ''] ?? name ?? url;
}

function shares(times: SelfTime[], key: (time: SelfTime) => string, cpu: number): string[][] {
  const sums = new Map<string, number>();
  for (const time of times) sums.set(key(time), (sums.get(key(time)) ?? 0) + time.time);
  const total = times.reduce((sum, { time }) => sum + time, 0);
  return [...sums]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 40)
    .map(([name, time]) => [name, `${format((time / total) * 100, 1)} %`, format((time / total) * cpu, 2)]);
}
