import { describeThrown } from './printable.js';
import { isThenable } from './thenable.js';

/** Where log lines go: Nest's `LoggerService`, `console`, or anything with these methods. */
export interface FlaskSocketLogger {
  log(message: string): unknown;
  error(message: string): unknown;
  warn(message: string): unknown;
  debug?(message: string): unknown;
}

/** Discards all log lines. */
export const SILENT: FlaskSocketLogger = { log: () => {}, error: () => {}, warn: () => {}, debug: () => {} };

/** The library's log. Lines with a `place` can be caused by clients: they are limited for each place. */
export interface Log extends FlaskSocketLogger {
  error(line: string, place?: string): unknown;
  warn(line: string, place?: string): unknown;
  debug?(line: string, place?: string): unknown;
}

type Level = 'log' | 'error' | 'warn' | 'debug';

/** The lines of one place that are written in a minute; the others are counted. */
const BURST = 10;
const MINUTE = 60_000;
/** The most places that are limited separately; further ones share one limit. */
const MAX_PLACES = 1_000;
/** The longest line, in characters. */
const MAX_LINE = 16_384;

interface Place {
  readonly level: Level;
  count: number;
  last: string;
}

/**
 * Writes to the application's logger. A logger that throws or rejects is harmless: its line goes to the standard error.
 * Clients cannot fill the log: see {@link Log}.
 */
export class GuardedLog implements Log {
  readonly #places = new Map<string, Place>();
  #flushTimer: NodeJS.Timeout | undefined;

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

  /** Logs how many lines were left out: at the end of each minute, and when the application ends. */
  readonly flush = (): void => {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
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
    this.#flushTimer ??= setTimeout(this.flush, MINUTE).unref();
    const key = this.#places.size < MAX_PLACES ? `${level} ${name}` : level;
    const known = this.#places.get(`${level} ${name}`) ?? this.#places.get(key);
    if (known) return known;
    const place: Place = { level, count: 0, last: '' };
    this.#places.set(key, place);
    return place;
  }

  #write(level: Level, line: string): void {
    const cut = line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line;
    const failed = (thrown: unknown) => writeToStderr(cut, thrown);
    try {
      const logger = this.target();
      const written = level === 'debug' ? logger.debug?.(cut) : logger[level](cut);
      if (isThenable(written)) void written.then(undefined, failed);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

function writeToStderr(line: string, thrown: unknown): void {
  try {
    // oxlint-disable-next-line no-console -- the application's logger is what failed
    console.error(`${line}\nThe logger did not take this line. ${describeThrown(thrown)}`);
  } catch {
    // there is nowhere left to write
  }
}
