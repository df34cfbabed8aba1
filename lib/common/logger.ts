import { describeThrown } from './printable.js';
import { isThenable } from './thenable.js';

/** Where log lines go: Nest's `LoggerService`, `console`, or anything with these methods. */
export interface FlaskSocketLogger {
  log(message: string): unknown;
  error(message: string): unknown;
  warn(message: string): unknown;
  debug?(message: string): unknown;
}

/** Where log lines go that nobody wants. */
export const SILENT: FlaskSocketLogger = { log: () => {}, error: () => {}, warn: () => {}, debug: () => {} };

/** What the library writes to. Lines of one `place` may come as often as clients like: they are counted and limited. */
export interface Log extends FlaskSocketLogger {
  error(line: string, place?: string): unknown;
  warn(line: string, place?: string): unknown;
  debug?(line: string, place?: string): unknown;
}

type Level = 'log' | 'error' | 'warn' | 'debug';

/** So many lines of one place are written in a minute; the others are counted. */
const BURST = 10;
const MINUTE = 60_000;
/** So many places are told apart; those that follow share one. */
const PLACES = 1_000;
/** The longest line, in characters. */
const LONGEST = 16_384;

interface Place {
  readonly level: Level;
  count: number;
  last: string;
}

/**
 * The one way to the application's logger. Nothing that it does is thrown or rejects; what it does not take goes to
 * the standard error. Nor can a client fill the log: see {@link Log}.
 */
export class GuardedLog implements Log {
  readonly #places = new Map<string, Place>();
  #minute: NodeJS.Timeout | undefined;

  constructor(private readonly target: () => FlaskSocketLogger) {}

  log(line: string): void {
    this.#write('log', line);
  }

  error(line: string, place?: string): void {
    this.#limit('error', line, place);
  }

  warn(line: string, place?: string): void {
    this.#limit('warn', line, place);
  }

  debug(line: string, place?: string): void {
    this.#limit('debug', line, place);
  }

  /** Says how many lines were left out; at the end of the minute, and at that of the application. */
  readonly flush = (): void => {
    clearTimeout(this.#minute);
    this.#minute = undefined;
    const places = [...this.#places.values()];
    this.#places.clear();
    for (const { level, count, last } of places) {
      if (count > BURST) this.#write(level, `${count - BURST} more like it in the last minute. ${last.split('\n', 1)[0]}`); // prettier-ignore
    }
  };

  #limit(level: Level, line: string, name: string | undefined): void {
    if (name === undefined) return this.#write(level, line);
    const place = this.#placeOf(level, name);
    place.count++;
    place.last = line;
    if (place.count <= BURST) this.#write(level, line);
  }

  #placeOf(level: Level, name: string): Place {
    this.#minute ??= setTimeout(this.flush, MINUTE).unref();
    const key = this.#places.size < PLACES ? `${level} ${name}` : level;
    const known = this.#places.get(`${level} ${name}`) ?? this.#places.get(key);
    if (known) return known;
    const place: Place = { level, count: 0, last: '' };
    this.#places.set(key, place);
    return place;
  }

  #write(level: Level, line: string): void {
    const cut = line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
    const failed = (thrown: unknown) => writeOtherwise(cut, thrown);
    try {
      const logger = this.target();
      const written = level === 'debug' ? logger.debug?.(cut) : logger[level](cut);
      if (isThenable(written)) void written.then(undefined, failed);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

function writeOtherwise(line: string, thrown: unknown): void {
  try {
    // oxlint-disable-next-line no-console -- the application's logger is what failed
    console.error(`${line}\nThe logger did not take this line. ${describeThrown(thrown)}`);
  } catch {
    // nobody is left to tell
  }
}
