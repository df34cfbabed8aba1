import 'reflect-metadata';
import { failure } from '../common/errors.js';
import { printableValue } from '../common/printable.js';

/** When an event of a client starts: after its earlier events have ended, or as it comes. */
export type Ordering = 'serial' | 'concurrent';

/** What a handler decorator says about its method. */
export interface HandlerMetadata {
  kind: 'event' | 'connect' | 'disconnect' | 'error' | 'errorDefault';
  /** The event's name, for kind `event`. */
  event?: string;
  /** The decorator's own namespace; without one the class's applies. */
  namespace?: string;
  ordering?: Ordering;
  /** `false`: the handler needs no session. */
  session?: boolean;
  /** The function that was decorated: another decorator may put a wrapper in its place. */
  source?: (...values: never[]) => unknown;
}

const HANDLERS = Symbol('nestjs-flask-socket handlers');
const GATEWAY = Symbol('nestjs-flask-socket gateway');
const AUTHENTICATED = Symbol('nestjs-flask-socket authenticated only');

/** `Class.method`, as errors and logs name a handler. */
export function placeOf(prototype: object, method: string | symbol): string {
  return `${prototype.constructor.name}.${String(method)}`;
}

/**
 * Notes a handler. Kept by class and method name, not on the function: a decorator that wraps the method later
 * cannot lose it.
 */
export function addHandler(prototype: object, method: string | symbol, metadata: HandlerMetadata): void {
  const source: unknown = typeof prototype === 'function' ? undefined : Reflect.get(prototype, method);
  if (!isFunction(source)) throw failure('FSK_HANDLER_NOT_FUNCTION', placeOf(prototype, method));
  const earlier = (Reflect.getOwnMetadata(HANDLERS, prototype, method) ?? []) as HandlerMetadata[];
  Reflect.defineMetadata(HANDLERS, [...earlier, { ...metadata, source }], prototype, method);
}

function isFunction(value: unknown): value is NonNullable<HandlerMetadata['source']> {
  return typeof value === 'function';
}

/** The ordering as given, or an error that says where it stands. */
export function checkOrdering(ordering: Ordering | undefined, place: string): Ordering | undefined {
  if (ordering === undefined || ordering === 'serial' || ordering === 'concurrent') return ordering;
  throw failure('FSK_INVALID_ORDERING', printableValue(ordering), place);
}

/** The handlers on a method, those of a base class included. */
export function handlersOf(prototype: object, method: string): readonly HandlerMetadata[] {
  return (Reflect.getMetadata(HANDLERS, prototype, method) ?? []) as HandlerMetadata[];
}

/** Notes the namespace of a class. */
export function setGateway(metatype: object, namespace: string): void {
  Reflect.defineMetadata(GATEWAY, namespace, metatype);
}

/** The namespace of a class, if it has one. */
export function gatewayNamespace(metatype: object): string | undefined {
  return Reflect.getMetadata(GATEWAY, metatype) as string | undefined;
}

/** Notes that a method is for known users. */
export function setAuthenticatedOnly(prototype: object, method: string | symbol): void {
  Reflect.defineMetadata(AUTHENTICATED, true, prototype, method);
}

/** Whether a method is for known users. */
export function isAuthenticatedOnly(prototype: object, method: string): boolean {
  return Reflect.getMetadata(AUTHENTICATED, prototype, method) === true;
}
