import type { Command } from '../common/command.js';
import { failureFrom } from '../common/errors.js';
import { msgpack } from '../queue/codec.js';
import type { Written } from '../queue/queue.js';

/** How a back end writes a command. */
export type Write = (command: Command) => Written;

/** What a parcel is made with. */
interface Posting {
  /** The call, for errors: `emit('news')`. */
  what: string;
  /** Milliseconds until it is late. */
  timeout: number;
  /** The error with which it ends then. */
  late: () => Error;
  /** Is there once the back end was loaded; until then a copy of the command waits. */
  write: Write | undefined;
}

/** One call on its way to the broker, holding what it was given as it was then: settled once, and in time. */
export class Parcel {
  /** Resolves when the broker has taken it. Nobody has to wait for it: its rejection ends no process. */
  readonly settled: Promise<void>;
  readonly what: string;
  readonly #write: (write: Write) => Written;
  readonly #timer: NodeJS.Timeout;
  #end: (error?: Error) => void = () => {};

  /** Throws what cannot be sent. */
  constructor(command: Command, { what, timeout, late, write }: Posting) {
    this.what = what;
    this.#write = packed(command, what, write);
    this.settled = new Promise((resolve, reject) => {
      this.#end = (error) => (error ? reject(error) : resolve());
    });
    this.settled.catch(() => {});
    this.#timer = setTimeout(() => this.settle(late()), timeout);
  }

  /** What is published for it. */
  written(write: Write): Written {
    return this.#write(write);
  }

  /** Ends it; the first end counts. */
  settle(error?: Error): void {
    clearTimeout(this.#timer);
    this.#end(error);
  }
}

function packed(command: Command, what: string, write: Write | undefined): (write: Write) => Written {
  try {
    const written = write?.(command);
    if (written) return () => written;
    const copy = msgpack.decode(msgpack.encode(command)) as Command;
    return (later) => later(copy);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', what);
  }
}
