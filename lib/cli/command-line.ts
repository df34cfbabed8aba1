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
  parseArgs({ args: [...given], options: OPTIONS, allowPositionals: true });

const COMMON: readonly string[] = ['queue', 'channel', 'secret', 'protocol', 'namespace', 'timeout'];

/** Throws a `UsageError` for an option that means nothing to a command. */
export function checkOptions(command: string, given: CommandOptions, own: readonly string[]): void {
  const foreign = Object.keys(given).find((name) => !COMMON.includes(name) && !own.includes(name));
  if (foreign !== undefined) throw new UsageError(`${command} has no option --${foreign}.`);
}
