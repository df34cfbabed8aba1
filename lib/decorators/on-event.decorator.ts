import { ANY } from '../common/constants.js';
import { checkHandledEvent } from '../common/event-name.js';
import { checkNamespace } from '../common/namespace.js';
import { addHandler, checkOrdering, placeOf, type Ordering } from './handler.metadata.js';

/** Options of one `@OnEvent()`. */
export interface OnEventOptions {
  /**
   * `serial`: one client's events of this kind wait for each other; `concurrent`: they do not. Default: what
   * option `asyncHandlers` says. Source: promise N2.
   */
  ordering?: Ordering;
  /**
   * `false`: the handler needs no session, so none is read from its store for these events; `session` throws
   * `FSK_SESSION_NOT_USED` in it. Default: true. Source: promise K5.
   */
  session?: boolean;
}

/**
 * Handles an event. The method gets the event's arguments, one parameter each; what it returns is the client's
 * acknowledgement (`args(…)` for several values, nothing for none; promises and observables are awaited).
 * `'*'` handles every event without a handler of its own and gets its name first. Default: the method's name.
 * Throws `FSK_RESERVED_EVENT`, `FSK_INVALID_EVENT`, `FSK_INVALID_NAMESPACE`. Source: promises V1 to V11.
 *
 * @example
 * ```ts
 * import { args, OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class SumGateway {
 *   @OnEvent('add')
 *   add(first: number, second: number) {
 *     return args('sum', first + second);
 *   }
 *
 *   @OnEvent('save', '/documents', { ordering: 'serial' })
 *   async save(text: string) {
 *     return text.length;
 *   }
 * }
 * ```
 */
export function OnEvent(event?: string, namespace?: string, options: OnEventOptions = {}): MethodDecorator {
  return (prototype, method, descriptor) => {
    const place = `@OnEvent() on ${placeOf(prototype, method)}`;
    const name: unknown = event ?? method; // a symbol is no name
    addHandler(
      { prototype, method, descriptor },
      {
        kind: 'event',
        event: name === ANY ? ANY : checkHandledEvent(name, place),
        namespace: namespace === undefined ? undefined : checkNamespace(namespace, place),
        ordering: checkOrdering(options.ordering, place),
        session: options.session,
      },
    );
  };
}
