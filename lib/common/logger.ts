/** Where log lines go: Nest's `LoggerService`, `console`, or anything with these methods. */
export interface FlaskSocketLogger {
  log(message: string): unknown;
  error(message: string): unknown;
  warn(message: string): unknown;
  debug?(message: string): unknown;
}

/** Where log lines go that nobody wants. */
export const SILENT: FlaskSocketLogger = { log: () => {}, error: () => {}, warn: () => {}, debug: () => {} };
