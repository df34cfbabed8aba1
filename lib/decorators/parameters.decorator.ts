import { createParamDecorator, type PipeTransform, type Type } from '@nestjs/common';
import { failure } from '../common/errors.js';

/** What a parameter decorator of ours stands for. */
export type ParameterKind = 'sid' | 'namespace' | 'auth' | 'reason' | 'args' | 'user';

type Pipe = Type<PipeTransform> | PipeTransform;

/** What Nest 12's own parameter decorators take, too: a standard schema (zod's, for example), for the pipe that reads it. */
interface ParameterOptions {
  schema?: { readonly '~standard': object };
  pipes?: Pipe[];
}

const KIND = Symbol('nestjs-flask-socket parameter');

/** What the factory of a parameter decorator stands for, if the decorator is one of ours. */
export function parameterKind(factory: object): ParameterKind | undefined {
  return (factory as { [KIND]?: ParameterKind })[KIND];
}

type Decorate = (...pipes: (Pipe | ParameterOptions)[]) => ParameterDecorator;

function parameter(kind: ParameterKind, decorator: string): Decorate {
  const factory = () => {
    throw failure(
      'FSK_UNSUPPORTED_PARAMETER',
      decorator,
      'a handler that is not a Socket.IO handler of this library',
    );
  };
  return createParamDecorator<unknown>(Object.assign(factory, { [KIND]: kind })) as Decorate;
}

/**
 * The client's id in this namespace: `request.sid`. A string.
 *
 * @see docs/reference/decorators.md#parameter-decorators-of-ours
 * @example
 * ```ts
 * import { OnEvent, Sid, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class WhoAmIGateway {
 *   @OnEvent('who am i')
 *   whoAmI(@Sid() sid: string) {
 *     return sid;
 *   }
 * }
 * ```
 */
export const Sid = parameter('sid', '@Sid()');

/**
 * The namespace of the event: `request.namespace`. A string such as `/chat`.
 * @see docs/reference/decorators.md#parameter-decorators-of-ours
 */
export const Namespace = parameter('namespace', '@Namespace()');

/**
 * What the client passed as `auth` when it connected; `undefined` if nothing.
 * @see docs/reference/decorators.md#parameter-decorators-of-ours
 */
export const Auth = parameter('auth', '@Auth()');

/**
 * Why the client left, in `@OnDisconnect()`; elsewhere `undefined`. A string.
 * @see docs/reference/decorators.md#parameter-decorators-of-ours
 */
export const Reason = parameter('reason', '@Reason()');

/**
 * All arguments of the event, as an array.
 * @see docs/reference/decorators.md#parameter-decorators-of-ours
 */
export const Args = parameter('args', '@Args()');

/**
 * Who the client is: `request.user`; `undefined` if unknown.
 * @see docs/reference/decorators.md#parameter-decorators-of-ours
 */
export const CurrentUser = parameter('user', '@CurrentUser()');
