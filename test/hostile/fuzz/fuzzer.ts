import { readdirSync, readFileSync } from 'node:fs';
import { root } from '../../support/repository.js';
import { Dice } from './grammar.js';
import type { Part } from './mutation.js';

/** What is tried out: it makes cases, and tells what is wrong after one. */
export interface Target {
  readonly name: string;
  /** The same dice make the same case. */
  make(dice: Dice): Part[];
  /** What is wrong after the case, if anything is. */
  run(parts: readonly Part[]): Promise<string | undefined>;
}

/** A case that has shown a mistake. */
export interface Found {
  seed: number;
  number: number;
  wrong: string;
  /** Cut down as far as it still shows the mistake. */
  parts: readonly Part[];
}

/** A case that was found once: `fixtures/<name>.json`. */
export interface Fixture {
  name: string;
  target: string;
  wrong: string;
  parts: readonly ({ text: string } | { bytes: string } | { wait: true })[];
}

/** How many cuts are tried at most. */
const SHRINKING = 150;

/** Each case has dice of its own, so that its number is enough to make it again. */
export const diceOf = (seed: number, number: number) => new Dice(Math.imul(seed, 0x9e3779b1) + number);

/** The seconds that all targets have together, with those over the network, and the seed. */
export const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 9);
export const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

/** Of the nine targets over the network, which need processes, and the five in this process, each has as much. */
export const SHARE = SECONDS / 14;

/** Runs what was found before, then new cases. Returns what a developer is told of a mistake. */
export async function explore(target: Target): Promise<string | undefined> {
  for (const fixture of fixturesOf(target.name)) {
    const wrong = await watched(target, partsOf(fixture));
    if (wrong !== undefined) return `${target.name}: again ${fixture.name}: ${wrong}`;
  }
  const { user, system } = process.cpuUsage();
  const { cases, found } = await fuzz(target, { seed: SEED, seconds: SHARE });
  const used = process.cpuUsage();
  const seconds = (used.user + used.system - user - system) / 1e6;
  console.info(`${target.name}: ${cases} cases, ${Math.round(cases / seconds)} in a second of a core`);
  return found && report(target, found);
}

/** Runs cases until one shows a mistake, or for so long. */
export async function fuzz(
  target: Target,
  { seed, seconds, most = Infinity }: { seed: number; seconds: number; most?: number },
): Promise<{ cases: number; found: Found | undefined }> {
  const end = Date.now() + seconds * 1_000;
  let number = 0;
  for (; number < most && Date.now() < end; number++) {
    const parts = target.make(diceOf(seed, number));
    const wrong = await withoutStacks(() => watched(target, parts));
    if (wrong === undefined) continue;
    const cut = await withoutStacks(() => shrunk(target, { parts, wrong }));
    const told = (await watched(target, cut)) ?? wrong;
    return { cases: number + 1, found: { seed, number, wrong: told, parts: cut } };
  }
  return { cases: number, found: undefined };
}

/** Most errors are refusals, and writing the stack of each takes longer than all the rest. */
async function withoutStacks<T>(run: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What is wrong after a case; errors that nobody catches are, too. */
export async function watched(target: Target, parts: readonly Part[]): Promise<string | undefined> {
  const uncaught: unknown[] = [];
  const keep = (error: unknown) => void uncaught.push(error);
  const restore = (['uncaughtException', 'unhandledRejection'] as const).map((event) => {
    const others = process.rawListeners(event) as (() => void)[];
    process.removeAllListeners(event).on(event, keep);
    return () => others.reduce((all, each) => all.on(event, each), process.removeAllListeners(event));
  });
  try {
    const wrong = await target.run(parts);
    return uncaught.length === 0 ? wrong : `uncaught: ${describe(uncaught[0])}`;
  } catch (error) {
    return `thrown: ${describe(error)}`;
  } finally {
    for (const again of restore) again();
  }
}

const describe = (error: unknown) =>
  String((error as Error | undefined)?.stack ?? error)
    .split('\n', 4)
    .join(' ');

/** What both of two cases have in common, if they show the same mistake. */
const kindOf = (wrong: string | undefined) => wrong?.split(':', 1)[0];

/** Cuts parts out, then pieces out of parts, while what is left shows the same mistake. */
async function shrunk(
  target: Target,
  { parts, wrong }: { parts: readonly Part[]; wrong: string },
): Promise<readonly Part[]> {
  let best = parts;
  let left = SHRINKING;
  for (let isBetter = true; isBetter && left > 0;) {
    isBetter = false;
    for (const candidate of smaller(best)) {
      if (left-- <= 0) break;
      if (kindOf(await watched(target, candidate)) !== kindOf(wrong)) continue;
      best = candidate;
      isBetter = true;
      break;
    }
  }
  return best;
}

/** Cases with less in them, the smallest first. */
function* smaller(parts: readonly Part[]): Generator<Part[]> {
  for (const [index] of parts.entries()) yield parts.toSpliced(index, 1);
  for (const [index, part] of parts.entries())
    if (part !== null) for (const piece of pieces(part)) yield parts.with(index, piece);
}

function* pieces(part: string | Buffer): Generator<string | Buffer> {
  for (let length = part.length >> 1; length > 0; length >>= 1)
    for (let at = 0; at < part.length && at / length < 16; at += length) yield without(part, at, at + length);
}

function without(part: string | Buffer, from: number, to: number): string | Buffer {
  if (typeof part === 'string') return part.slice(0, from) + part.slice(to);
  return Buffer.concat([part.subarray(0, from), part.subarray(to)]);
}

/** What a developer is told: how to see it again, and the text of a fixture. */
export function report(target: Target, { seed, number, wrong, parts }: Found): string {
  const fixture: Fixture = {
    name: `what went wrong, in words`,
    target: target.name,
    wrong,
    parts: parts.map(written),
  };
  return [
    `${target.name}: seed ${seed}, case ${number}: ${wrong}`,
    'To keep it, save this as test/hostile/fuzz/fixtures/<name>.json:',
    JSON.stringify(fixture, undefined, 2),
  ].join('\n');
}

const written = (part: Part): Fixture['parts'][number] => {
  if (part === null) return { wait: true };
  const base64 = Buffer.from(part as string).toString('base64');
  return typeof part === 'string' ? { text: base64 } : { bytes: base64 };
};

/** The parts of a fixture, as they were. */
export function partsOf({ parts }: Fixture): Part[] {
  return parts.map((part) => {
    if ('wait' in part) return null;
    return 'text' in part ? Buffer.from(part.text, 'base64').toString() : Buffer.from(part.bytes, 'base64');
  });
}

/** The cases that were found for a target. */
export function fixturesOf(target: string): Fixture[] {
  const folder = `${root}test/hostile/fuzz/fixtures/`;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(folder + file, 'utf8')) as Fixture)
    .filter((fixture) => fixture.target === target);
}
