import { Inject, Injectable, Logger } from '@nestjs/common';
import { GuardedLog, SILENT, type FlaskSocketLogger } from '../common/logger.js';
import type { FlaskSocketOptions, ResolvedOptions } from '../common/options.js';
import { given, resolveOptions } from '../common/validate-options.js';

/** Where the module finds the options that the application gave. */
export const FLASK_SOCKET_OPTIONS = Symbol('FLASK_SOCKET_OPTIONS');

/** The options of an application; those of `run()` are added to those of `forRoot()`. */
@Injectable()
export class FlaskSocketConfig {
  #given: FlaskSocketOptions;
  #resolved: ResolvedOptions;

  constructor(@Inject(FLASK_SOCKET_OPTIONS) options: FlaskSocketOptions | undefined) {
    this.#given = options ?? {};
    this.#resolved = resolveOptions(this.#given);
  }

  /** The options, defaults filled in. */
  get options(): ResolvedOptions {
    return this.#resolved;
  }

  /** Adds options; the later ones win. */
  merge(more: FlaskSocketOptions): void {
    this.#given = { ...this.#given, ...given(more) };
    this.#resolved = resolveOptions(this.#given);
  }

  /** Writes where the options say at the time of writing. */
  readonly logger = logTo(() => this.#resolved.logger);
}

/** What writes to the logger that option `logger` means. */
export function logTo(option: () => FlaskSocketOptions['logger']): GuardedLog {
  const usual: FlaskSocketLogger = new Logger('FlaskSocket');
  return new GuardedLog(() => {
    const logger = option();
    return logger === false ? SILENT : (logger ?? usual);
  });
}
