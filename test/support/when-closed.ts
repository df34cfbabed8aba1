import type { EventEmitter } from 'node:events';

/** Resolves when a connection closes, also when its other end resets it: `once()` would reject. */
export function whenClosed(connection: EventEmitter): Promise<void> {
  return new Promise((resolve) => void connection.once('close', () => resolve()));
}
