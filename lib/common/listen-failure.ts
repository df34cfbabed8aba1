import { failureFrom } from './errors.js';

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['EADDRINUSE', 'the port is taken, another process listens there'],
  ['EACCES', 'this user may not, ports below 1024 are for root'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'there is no host of this name'],
]);

/** What a server says that could not listen, where the remedy is another port or host; else the error as it came. */
export function listenFailure(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const why = error instanceof Error && 'code' in error ? REASONS.get(error.code) : undefined;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return why === undefined ? error : failureFrom(error, 'FSK_CANNOT_LISTEN', address, why);
}
