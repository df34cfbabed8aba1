import { parseArgs } from 'node:util';
import { UsageError } from './usage.js';

const OPTIONS = {
  queue: { type: 'string', short: 'q' },
  channel: { type: 'string' },
  secret: { type: 'string' },
  protocol: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  timeout: { type: 'string' },
  to: { type: 'string', multiple: true },
  user: { type: 'string', multiple: true },
  'skip-sid': { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

/** A command line, taken apart. */
export type CommandLine = ReturnType<typeof parse>;

/** The options of a command line. */
export type CommandOptions = CommandLine['values'];

/** Throws a `UsageError` for an option that there is none of. */
export function parseCommandLine(given: readonly string[]): CommandLine {
  try {
    return parse(given);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const parse = (given: readonly string[]) =>
  parseArgs({ args: unambiguous(given), options: OPTIONS, allowPositionals: true });

/** What begins with a dash and is no option: standard input, a sid, a number below zero. */
const DASHED_VALUE = /^-(?:|[\w-]{19}|\.?\d.*)$/;

/** `--queue` for `--queue` and for `-q`; options that take no value have none here. */
const LONG_NAMES = new Map(
  Object.entries(OPTIONS)
    .filter(([, option]) => option.type === 'string')
    .flatMap(([name, option]) =>
      ['short' in option ? `-${option.short}` : '', `--${name}`].map((form) => [form, `--${name}`]),
    ),
);

/** The same command line, for a parser that takes a value beginning with a dash only as `--to=-x`, or behind `--`. */
function unambiguous(given: readonly string[]): string[] {
  const options: string[] = [];
  const others: string[] = [];
  const rest = [...given];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') others.push(...rest.splice(0));
    else if (!arg.startsWith('-') || DASHED_VALUE.test(arg)) others.push(arg);
    else options.push(LONG_NAMES.has(arg) ? `${LONG_NAMES.get(arg)}=${valueOf(arg, rest.shift())}` : arg);
  }
  return [...options, '--', ...others];
}

function valueOf(option: string, next: string | undefined): string {
  if (next === undefined || Object.hasOwn(OPTIONS, next.slice(2)))
    throw new Error(`${option} needs a value.`);
  return next;
}

const COMMON: readonly string[] = ['queue', 'channel', 'secret', 'protocol', 'namespace', 'timeout'];

/** Throws a `UsageError` for an option that means nothing to a command. */
export function checkOptions(command: string, given: CommandOptions, own: readonly string[]): void {
  const foreign = Object.keys(given).find((name) => !COMMON.includes(name) && !own.includes(name));
  if (foreign !== undefined) throw new UsageError(`${command} has no option --${foreign}.`);
}
