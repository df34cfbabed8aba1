import 'reflect-metadata';
import { COPY, HERE, otherCopyOf } from '../common/copies.js';
import { failure } from '../common/errors.js';
import { printableValue } from '../common/printable.js';

/** When an event of a client starts: after its earlier events have ended, or as it comes. */
export type Ordering = 'serial' | 'concurrent';

/** What a handler decorator says about its method. */
export interface HandlerMetadata {
  kind:
    'event' | 'connect' | 'disconnect' | 'error' | 'errorDefault' | 'handleConnection' | 'handleDisconnect';
  /** The event's name, for kind `event`. */
  event?: string;
  /** The decorator's own namespace; without one the class's applies. */
  namespace?: string;
  ordering?: Ordering;
  /** `false`: the handler needs no session. */
  session?: boolean;
}

type Method = (...values: never[]) => unknown;

/** A method as its class declares it, with all that decorators noted there: a class that overrides it has its own. */
export interface Declaration {
  readonly method: string | symbol;
  /** The prototype and the class that the decorators were applied to. */
  readonly prototype: object;
  readonly metatype: object;
  readonly handlers: HandlerMetadata[];
  /**
   * What stood for the method while it was decorated, itself first: a decorator that wraps it does not take along what
   * others bound.
   */
  readonly functions: Set<Method>;
}

/** A method that takes the place of a handler of a base class, and is none itself. */
export interface Override {
  /** The prototype that has it. */
  prototype: object;
  of: Declaration;
}

/** The handlers of a class and of its base classes. */
export interface Handlers {
  declarations: Declaration[];
  /** Methods that override one of them without being one. */
  overrides: Override[];
  /** Those that override one, with decorators of their own. */
  redeclared: { by: Declaration; of: Declaration }[];
}

/** The method that a decorator is applied to. */
export interface DecoratedMethod {
  prototype: object;
  method: string | symbol;
  descriptor?: PropertyDescriptor;
}

const DECLARATIONS = Symbol('nestjs-flask-socket declarations');
const DECLARATION = Symbol('nestjs-flask-socket declaration');
const GATEWAY = Symbol('nestjs-flask-socket gateway');
const AUTHENTICATED = Symbol('nestjs-flask-socket authenticated only');

/** `Class.method`, as errors and logs name a handler. */
export function placeOf(prototype: object, method: string | symbol): string {
  return `${prototype.constructor.name}.${String(method)}`;
}

/**
 * Notes a handler. Kept by prototype and method name: a decorator that wraps the method later cannot lose it. The
 * function refers to it, for wrappers that copy metadata, as Nest wants them to.
 */
export function addHandler(
  { prototype, method, descriptor }: DecoratedMethod,
  metadata: HandlerMetadata,
): void {
  const original: unknown = typeof prototype === 'function' ? undefined : Reflect.get(prototype, method);
  if (!isMethod(original)) throw failure('FSK_HANDLER_NOT_FUNCTION', placeOf(prototype, method));
  const declaration = declarationFor(prototype, method);
  declaration.handlers.push(metadata);
  for (const each of [original, descriptor?.value as unknown]) {
    if (!isMethod(each)) continue;
    declaration.functions.add(each);
    Reflect.defineMetadata(DECLARATION, declaration, each);
  }
}

function isMethod(value: unknown): value is Method {
  return typeof value === 'function';
}

function declarationFor(prototype: object, method: string | symbol): Declaration {
  const all = declarationsOf(prototype) ?? new Map<string | symbol, Declaration>();
  Reflect.defineMetadata(DECLARATIONS, all, prototype);
  Reflect.defineMetadata(COPY, HERE, prototype);
  const { constructor: metatype } = prototype;
  const known = all.get(method) ?? { method, prototype, metatype, handlers: [], functions: new Set() };
  all.set(method, known);
  return known;
}

/** What a prototype itself declares; looks at nothing of the object. */
function declarationsOf(prototype: object): Map<string | symbol, Declaration> | undefined {
  return Reflect.getOwnMetadata(DECLARATIONS, prototype) as Map<string | symbol, Declaration> | undefined;
}

/** The arguments of a decorator, where options may stand after any number of names. */
export function namesAndOptions<Options>(values: readonly (string | Options | undefined)[]): {
  names: (string | undefined)[];
  options?: Options;
} {
  const at = values.findIndex((value) => typeof value === 'object' && value !== null);
  const names = at < 0 ? values : values.slice(0, at);
  return { names: names as (string | undefined)[], options: values[at] as Options | undefined };
}

/** The ordering as given, or an error that says where it stands. */
export function checkOrdering(ordering: Ordering | undefined, place: string): Ordering | undefined {
  if (ordering === undefined || ordering === 'serial' || ordering === 'concurrent') return ordering;
  throw failure('FSK_INVALID_ORDERING', printableValue(ordering), place);
}

/**
 * The handlers of a class. A method has the decorators that stand on it, all or none of them, as in Nest: one that
 * overrides a handler inherits nothing. `prototypes` begins with the class's own.
 */
export function handlersOf(prototypes: readonly object[]): Handlers {
  const found: Handlers = { declarations: [], overrides: [], redeclared: [] };
  const declaring = prototypes.flatMap((prototype) => declarationsOf(prototype) ?? []);
  for (const method of new Set(declaring.flatMap((each) => [...each.keys()]))) {
    const prototype = prototypes.find((each) => Object.hasOwn(each, method));
    const by = prototype && declaredBy(prototype, method);
    const of = declaring.flatMap((each) => each.get(method) ?? []).find((each) => each !== by);
    if (by) found.declarations.push(by);
    if (by && of) found.redeclared.push({ by, of });
    if (!by && prototype && of) found.overrides.push({ prototype, of });
  }
  return found;
}

function declaredBy(prototype: object, method: string | symbol): Declaration | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(prototype, method)?.value;
  const copied = typeof value === 'function' && Reflect.getOwnMetadata(DECLARATION, value);
  const known = copied as Declaration | false | undefined;
  return declarationsOf(prototype)?.get(method) ?? (known && known.method === method ? known : undefined);
}

/** The prototypes of an object, nearest first. None if it will not be looked at: it may be a proxy of any kind. */
export function prototypesOf(object: object): object[] {
  const found: object[] = [];
  try {
    let next = Object.getPrototypeOf(object) as object | null;
    while (next && next !== Object.prototype && !found.includes(next)) {
      found.push(next);
      next = Object.getPrototypeOf(next) as object | null;
    }
    return found;
  } catch {
    return [];
  }
}

/** Notes the namespace of a class. */
export function setGateway(metatype: { prototype: object }, namespace: string): void {
  Reflect.defineMetadata(GATEWAY, namespace, metatype.prototype);
  Reflect.defineMetadata(COPY, HERE, metatype.prototype);
}

/** The namespace of a class, or that of its base class. `prototypes` begins with the class's own. */
export function gatewayNamespace(prototypes: readonly object[]): string | undefined {
  const named = prototypes.find((prototype) => Reflect.hasOwnMetadata(GATEWAY, prototype));
  return named && (Reflect.getOwnMetadata(GATEWAY, named) as string);
}

/** The class among these prototypes that another copy of the package decorated, and where that one lies. */
export function decoratedElsewhere(
  prototypes: readonly object[],
): { name: string; place: string } | undefined {
  for (const prototype of prototypes) {
    const place = otherCopyOf(Reflect.getOwnMetadata(COPY, prototype));
    if (place !== undefined) return { name: prototype.constructor.name, place };
  }
  return undefined;
}

/** Notes that a method is for known users. */
export function setAuthenticatedOnly(prototype: object, method: string | symbol): void {
  Reflect.defineMetadata(AUTHENTICATED, true, prototype, method);
}

/** Whether a method is for known users. */
export function isAuthenticatedOnly({ prototype, method }: Declaration): boolean {
  return Reflect.getOwnMetadata(AUTHENTICATED, prototype, method) === true;
}
