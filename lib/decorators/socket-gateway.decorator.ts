import { Injectable, type InjectableOptions } from '@nestjs/common';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { checkNamespace } from '../common/namespace.js';
import { namesAndOptions, setGateway } from './handler.metadata.js';

/**
 * Makes a class a provider whose handlers default to a namespace: `/chat`, a pattern with parameters (`/job/:id`), or
 * `'*'` for every connected namespace. Default: `/`. List the class in a module's `providers`.
 *
 * @throws FSK_INVALID_NAMESPACE
 * @see docs/reference/decorators.md#socketgateway
 * @example
 * ```ts
 * import { OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class ChatGateway {
 *   @OnEvent('my event')
 *   handle(data: unknown) {
 *     return data;
 *   }
 * }
 * ```
 */
export function SocketGateway(
  ...values: [namespace?: string, options?: InjectableOptions] | [options: InjectableOptions]
): ClassDecorator {
  return (metatype) => {
    const {
      names: [namespace = DEFAULT_NAMESPACE],
      options,
    } = namesAndOptions<InjectableOptions>(values);
    const named = options && 'namespace' in options ? options : namespace; // as @WebSocketGateway() takes it: no
    setGateway(metatype, checkNamespace(named, `@SocketGateway() of ${metatype.name}`));
    Injectable(options)(metatype);
  };
}
