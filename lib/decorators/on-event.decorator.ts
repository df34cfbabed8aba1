import { ANY } from '../common/constants.js';
import { checkHandledEvent } from '../common/args.js';
import { checkNamespace } from '../common/namespace.js';
import { addHandler, checkOrdering, namesAndOptions, placeOf, type Ordering } from './handler.metadata.js';

/** Options of one `@OnEvent()`. */
export interface OnEventOptions {
  /**
   * `serial`: one client's events of this kind wait for each other; `concurrent`: they do not.
   * @default what option `asyncHandlers` says
   * @see docs/reference/decorators.md#onevent
   */
  ordering?: Ordering;
  /**
   * `false`: the handler needs no session, so none is read from its store for these events; `session` throws
   * `FSK_SESSION_NOT_USED` in it.
   * @default true
   * @see docs/reference/decorators.md#onevent
   */
  session?: boolean;
}

/** What `@OnEvent()` takes: the names may be left out before the options. */
export type OnEventArguments = [event?: string, ...NamespaceAndOptions] | [options: OnEventOptions];

/** The rest of it: the namespace may be left out before the options, too. */
export type NamespaceAndOptions = [namespace?: string, options?: OnEventOptions] | [options: OnEventOptions];

/**
 * Handles an event. The method gets the event's arguments, one parameter each; what it returns is the client's
 * acknowledgement (`args(…)` for several values, nothing for none; promises and observables are awaited). `'*'` handles
 * every event without a handler of its own and gets its name first.
 *
 * @throws FSK_RESERVED_EVENT, FSK_INVALID_EVENT, FSK_INVALID_NAMESPACE, FSK_INVALID_ORDERING
 * @default the method's name
 * @see docs/reference/decorators.md#onevent
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
 *   @OnEvent('save', { ordering: 'serial' })
 *   async save(text: string) {
 *     return text.length;
 *   }
 * }
 * ```
 */
export function OnEvent(...values: OnEventArguments): MethodDecorator {
  const {
    names: [event, namespace],
    options = {},
  } = namesAndOptions<OnEventOptions>(values);
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
