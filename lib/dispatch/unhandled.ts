import type { Socket } from 'socket.io';
import { RESERVED_EVENTS } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import { printable } from '../common/printable.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';

/** So many names, which clients choose, are kept in mind. */
const MOST = 100;
/** So many names that exist are listed. */
const LISTED = 20;

/** Says, while an application is developed, which events nobody handles. */
export class Unhandled {
  readonly #warned = new Set<string>();

  constructor(private readonly parts: { registry: HandlerRegistry; logger: Log; debug: () => boolean }) {}

  /** A client that waits for an acknowledgement waits for ever: that is a warning, once for each name. */
  report(socket: Socket, name: string, isAsked: boolean): void {
    const { logger, debug } = this.parts;
    if (!debug()) return;
    const line = `No handler for ${printable(name)} in ${printable(socket.nsp.name)}, sid ${socket.id}`;
    if (!isAsked || !this.#isNew(`${socket.nsp.name} ${name}`))
      return void logger.debug?.(line, 'no handler');
    logger.warn(`${line}, which waits for an acknowledgement. ${this.#namesFor(socket)}`);
  }

  #isNew(subject: string): boolean {
    if (this.#warned.size >= MOST || this.#warned.has(subject)) return false;
    this.#warned.add(subject);
    return true;
  }

  #namesFor(socket: Socket): string {
    const listeners = socket.eventNames().filter((name) => typeof name === 'string');
    const heard = listeners.filter((name) => !RESERVED_EVENTS.has(name));
    const names = [...new Set([...this.parts.registry.eventNames(socket.nsp.name), ...heard])];
    if (names.length === 0) return 'No event of this namespace has one.';
    const more = names.length > LISTED ? ', …' : '';
    return `There are: ${names.slice(0, LISTED).map(printable).join(', ')}${more}.`;
  }
}
