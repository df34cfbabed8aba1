import { Injectable, type InjectableOptions } from '@nestjs/common';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { checkNamespace } from '../common/namespace.js';
import { setGateway } from './handler.metadata.js';

/**
 * Makes a class a provider whose handlers default to a namespace: `/chat`, a pattern with parameters
 * (`/job/:id`), or `'*'` for every connected namespace. Default: `/`. List the class in a module's `providers`.
 * An invalid namespace throws `FSK_INVALID_NAMESPACE`. Source: promises V5, V11, V12.
 *
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
  namespace: string = DEFAULT_NAMESPACE,
  options?: InjectableOptions,
): ClassDecorator {
  return (metatype) => {
    setGateway(metatype, checkNamespace(namespace, `@SocketGateway() of ${metatype.name}`));
    Injectable(options)(metatype);
  };
}
