import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

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

/** A parsed command line. */
export type CommandLine = ReturnType<typeof parse>;

/** The options of a command line. */
export type CommandOptions = CommandLine['values'];

/** Throws a `UsageError` for an unknown option. */
export function parseCommandLine(given: readonly string[]): CommandLine {
  try {
    return parse(given);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const parse = (given: readonly string[]) =>
  parseArgs({ args: normalize(given), options: OPTIONS, allowPositionals: true });

/** Values that begin with a dash: `-` for the standard input, a sid, a negative number. */
const DASHED_VALUE = /^-(?:|[\w-]{19}|\.?\d.*)$/;

/** The long name of each form of an option that takes a value: `--queue` for `--queue` and for `-q`. */
const LONG_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(OPTIONS)
    .filter(([, option]) => option.type === 'string')
    .flatMap(([name, option]) =>
      ['short' in option ? `-${option.short}` : '', `--${name}`].map((form) => [form, `--${name}`]),
    ),
);

/** `parseArgs` accepts a value that begins with a dash only as `--to=-x` or after `--`: rewrites them. */
function normalize(given: readonly string[]): string[] {
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

const COMMON_OPTIONS: readonly string[] = ['queue', 'channel', 'secret', 'protocol', 'namespace', 'timeout'];

/** Throws a `UsageError` for an option that the command does not have. */
export function checkOptions(command: string, given: CommandOptions, own: readonly string[]): void {
  const foreign = Object.keys(given).find((name) => !COMMON_OPTIONS.includes(name) && !own.includes(name));
  if (foreign !== undefined) throw new UsageError(`${command} has no option --${foreign}.`);
}

/** The output of `flask-socket --help`. */
export const USAGE = `Emits to the clients of Socket.IO servers through their message queue.

Usage:
  flask-socket emit <event> [value …] [options]    each value is JSON and one argument of the event
  flask-socket send <value> [options]              a message, or with --json a json event
  flask-socket close-room <room> [options]         everybody leaves the room
  flask-socket disconnect <sid> [options]          the client's connection to the namespace ends

A value that is - is read from the standard input.

Options:
  -q, --queue <url>       the servers' message queue            (environment: MESSAGE_QUEUE)
      --channel <name>    the servers' channel                  (default: flask-socketio)
      --secret <text>     the servers' queueSecret              (environment: FLASK_SOCKET_SECRET)
      --protocol <name>   flask-socketio, for servers of Python (default: socket.io)
  -n, --namespace <name>  the namespace                         (default: /)
      --timeout <ms>      how long the broker may take          (default: 5000)
      --to <room>         a room or a sid; may be repeated      (default: everybody; emit, send)
      --user <id>         a user; may be repeated               (emit, send)
      --skip-sid <sid>    leave a client out; may be repeated   (emit, send)
      --json              send a json event                     (send)
  -h, --help              this text
  -v, --version           the version

Exit codes:
  0  the broker has taken the message
  1  it has not: it could not be reached, or refused
  2  the command line is wrong; nothing was sent

Examples:
  flask-socket emit 'my event' '{"data":"foo"}' --queue redis://localhost --namespace /test
  flask-socket send '"Hello"' --to lobby
`;

/** An invalid command line; the message says what is wrong. */
export class UsageError extends Error {}

const STDIN = '-';

/** Parses the arguments of a command as JSON; `-` is read from the standard input. */
export async function readValues(given: readonly string[], stdin: Readable): Promise<unknown[]> {
  if (given.filter((argument) => argument === STDIN).length > 1)
    throw new UsageError('The standard input holds one value: give - once.');
  const input = given.includes(STDIN) ? await text(stdin) : '';
  return given.map((argument, index) =>
    argument === STDIN
      ? parsed(input, 'The standard input')
      : parsed(argument, `Value ${index + 1} (${shortened(argument)})`),
  );
}

function parsed(json: string, place: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new UsageError(`${place} is no JSON: ${(error as Error).message}. A text is written '"text"'.`);
  }
}

function shortened(argument: string): string {
  return argument.length > 40 ? `${argument.slice(0, 40)}…` : argument;
}
