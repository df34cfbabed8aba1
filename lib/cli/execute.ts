import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { FlaskSocketError, type FlaskSocketErrorCode } from '../common/errors.js';
import { oneLine } from '../common/printable.js';
import { type EmitterSetup, resolveEmitter } from '../emitter/emitter-options.js';
import { Emitter } from '../emitter/emitter.js';
import { checkScheme } from '../queue/back-ends.js';
import {
  checkOptions,
  type CommandLine,
  type CommandOptions,
  parseCommandLine,
  USAGE,
  UsageError,
} from './command-line.js';
import { type Action, COMMANDS } from './commands.js';

/** The process's environment and streams, as far as a command uses them. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable;
  write: (text: string) => void;
  writeError: (text: string) => void;
}

const EXIT = { done: 0, failed: 1, wrong: 2 } as const;

/** Errors that are not the command line's fault. */
const FAILURES: ReadonlySet<FlaskSocketErrorCode> = new Set([
  'FSK_NOT_SENT',
  'FSK_MISSING_PACKAGE',
  'FSK_MESSAGE_TOO_LARGE',
]);

/** Runs a command line; resolves with the exit code. */
export async function execute(given: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const line = parseCommandLine(given);
    const { values } = line;
    if (values.help) terminal.write(USAGE);
    else if (values.version) terminal.write(`${version()}\n`);
    else await runCommand(line, terminal);
    return EXIT.done;
  } catch (error) {
    terminal.writeError(`flask-socket: ${oneLine((error as Error).message)}\n`);
    return exitCode(error);
  }
}

/** Checks everything and reads the standard input before it connects. */
async function runCommand({ positionals, values }: CommandLine, { env, stdin }: Terminal): Promise<void> {
  const [name, ...given] = positionals;
  const command = name === undefined ? undefined : COMMANDS.get(name);
  if (name === undefined || !command) throw new UsageError(unknownCommand(name));
  checkOptions(name, values, command.options);
  const setup = setUpFrom(values, env);
  const action = await command.prepare(given, values, stdin);
  await runAction(action, setup);
}

async function runAction(action: Action, setup: EmitterSetup): Promise<void> {
  const emitter = new Emitter(setup);
  try {
    await emitter.load(); // not part of --timeout: it may take a while on a busy machine
    await action(emitter);
  } finally {
    await emitter.close();
  }
}

function setUpFrom(values: CommandOptions, env: Terminal['env']): EmitterSetup {
  const { channel, namespace, timeout } = values;
  const url = values.queue ?? (env['MESSAGE_QUEUE'] || undefined);
  const queueSecret = values.secret ?? (env['FLASK_SOCKET_SECRET'] || undefined);
  if (url === undefined)
    throw new UsageError('Which message queue? Give --queue <url>, or set MESSAGE_QUEUE.');
  // Not shown: it may hold a password.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url))
    throw new UsageError('The message queue is no URL like redis://localhost.');
  const options = {
    channel,
    namespace,
    queueSecret,
    timeout: timeout === undefined ? undefined : Number(timeout),
  };
  const setup = resolveEmitter({ url, protocol: protocolOf(values) }, options, 'flask-socket');
  checkScheme(setup.queue);
  return setup;
}

function protocolOf({ protocol }: CommandOptions): 'socket.io' | 'flask-socketio' | undefined {
  if (protocol === undefined || protocol === 'socket.io' || protocol === 'flask-socketio') return protocol;
  throw new UsageError('--protocol is socket.io or flask-socketio.');
}

function unknownCommand(name: string | undefined): string {
  const problem = name === undefined ? 'Say what to do' : `There is no command ${name}`;
  return `${problem}: ${[...COMMANDS.keys()].join(', ')}. More with --help.`;
}

function exitCode(error: unknown): number {
  if (error instanceof UsageError) return EXIT.wrong;
  return error instanceof FlaskSocketError && !FAILURES.has(error.code) ? EXIT.wrong : EXIT.failed;
}

function version(): string {
  const manifest = createRequire(import.meta.url)('../../package.json') as { version: string };
  return manifest.version;
}
