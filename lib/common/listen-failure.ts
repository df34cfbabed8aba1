import { failureFrom } from './errors.js';

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['EADDRINUSE', 'the port is taken, another process listens there'],
  ['EACCES', 'this user may not, ports below 1024 are for root'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'there is no host of this name'],
]);

/** The error of a server that could not listen, if another port or host helps; else the original error. */
export function listenFailure(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const reason = error instanceof Error && 'code' in error ? REASONS.get(error.code) : undefined;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return reason === undefined ? error : failureFrom(error, 'FSK_CANNOT_LISTEN', address, reason);
}
