import type { Readable } from 'node:stream';
import { args } from '../common/args.js';
import { user } from '../common/address.js';
import type { EmitterSendOptions } from '../emitter/emitter-options.js';
import type { Emitter } from '../emitter/emitter.js';
import { type CommandOptions, readValues, UsageError } from './command-line.js';

/** A command: `prepare` checks the arguments and reads the standard input, before anything is connected. */
interface Command {
  /** Its options beside those of all commands. */
  options: readonly string[];
  prepare(given: readonly string[], options: CommandOptions, stdin: Readable): Promise<Action> | Action;
}

/** The part of a command that needs an emitter. */
export type Action = (emitter: Emitter) => Promise<void>;

const RECIPIENTS = ['to', 'user', 'skip-sid'];

/** The commands by name. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  [
    'emit',
    {
      options: RECIPIENTS,
      async prepare([event, ...given], options, stdin) {
        if (event === undefined) throw new UsageError('emit needs the name of an event.');
        const values = await readValues(given, stdin);
        return (emitter) => emitter.emit(event, args(...values), recipients(options));
      },
    },
  ],
  [
    'send',
    {
      options: [...RECIPIENTS, 'json'],
      async prepare(given, options, stdin) {
        const value = single(given, 'send needs one value');
        const [data] = await readValues([value], stdin);
        return (emitter) => emitter.send(data, { ...recipients(options), json: options.json });
      },
    },
  ],
  [
    'close-room',
    {
      options: [],
      prepare(given) {
        const room = single(given, 'close-room needs one room');
        return (emitter) => emitter.closeRoom(room);
      },
    },
  ],
  [
    'disconnect',
    {
      options: [],
      prepare(given) {
        const sid = single(given, 'disconnect needs one sid');
        return (emitter) => emitter.disconnect({ sid });
      },
    },
  ],
]);

function single(given: readonly string[], problem: string): string {
  const [only, ...more] = given;
  if (only === undefined || more.length > 0) throw new UsageError(`${problem}, and got ${given.length}.`);
  return only;
}

function recipients({ to = [], user: users = [], 'skip-sid': skipSid }: CommandOptions): EmitterSendOptions {
  const rooms = [...to, ...users.map((id) => user(id))];
  return { ...(rooms.length > 0 && { to: rooms }), skipSid };
}
