import { type Namespace, type Server, Socket } from 'socket.io';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import type { SocketRequest } from '../context/socket-request.js';
import {
  type Declaration,
  gatewayNamespace,
  type HandlerMetadata,
  placeOf,
  prototypesOf,
} from '../decorators/handler.metadata.js';
import type { Source } from './handler.js';
import {
  GATEWAY_METADATA,
  GATEWAY_OPTIONS,
  GATEWAY_SERVER_METADATA,
  MESSAGE_MAPPING_METADATA,
  MESSAGE_METADATA,
  PARAMTYPES_METADATA,
  PORT_METADATA,
} from './nest-internals.js';
import { parametersOf } from './parameters.js';

/*
 * What is left in a class of how it was, or would be, written for Nest's own gateways: it works, or the boot fails;
 * nothing of it is passed over in silence.
 */

/** The methods that Nest calls by their names when a client comes and goes. */
const GATEWAY_HOOKS = ['handleConnection', 'handleDisconnect'] as const;

/** One of them. */
export type GatewayHook = (typeof GATEWAY_HOOKS)[number];

/** The class of a gateway. */
interface GatewayClass {
  readonly prototype: object;
  readonly namespace: string | undefined;
  readonly declarations: readonly Declaration[];
}

/** Whether a kind of handler is one of them. */
export function isGatewayHook(kind: HandlerMetadata['kind']): kind is GatewayHook {
  return (GATEWAY_HOOKS as readonly string[]).includes(kind);
}

/** Whether Nest itself serves a class: it has `@WebSocketGateway()`. */
function isNestGateway({ constructor }: object): boolean {
  return Reflect.getMetadata(GATEWAY_METADATA, constructor) === true;
}

/** Whether we call a method of the gateway by its name, as Nest does for its own gateways. */
export function isCalledByName({ prototype, namespace, declarations }: GatewayClass, name: string): boolean {
  if (namespace === undefined || isNestGateway(prototype)) return false;
  if (declarations.some(({ method }) => method === name)) return false; // a handler as any other
  return typeof Reflect.get(prototype, name) === 'function';
}

/** The hooks of a gateway, as if they were decorated. */
export function gatewayHooksOf(gateway: GatewayClass): Declaration[] {
  return GATEWAY_HOOKS.filter((hook) => isCalledByName(gateway, hook)).map((hook) => {
    const { prototype, function: original } = methodOf(gateway.prototype, hook)!;
    return {
      method: hook,
      prototype,
      metatype: prototype.constructor,
      handlers: [{ kind: hook }],
      functions: new Set([original]),
    };
  });
}

/** Fails the boot where a method would never be called, or be called with something else than its author expects. */
export function checkGateway({ prototype, namespace, declarations }: GatewayClass): void {
  if (!isNestGateway(prototype)) checkSubscriptions(prototype);
  else if (namespace === undefined) checkNamespaces(prototype, declarations);
  for (const declaration of declarations) checkSocketParameters(prototype, declaration);
}

/** `@SubscribeMessage()` is called in Nest's own gateways alone. */
function checkSubscriptions(prototype: object): void {
  const names = [prototype, ...prototypesOf(prototype)].flatMap((each) => Object.getOwnPropertyNames(each));
  for (const name of new Set(names)) {
    const subscriber = methodOf(prototype, name)?.function;
    if (!subscriber || Reflect.getMetadata(MESSAGE_MAPPING_METADATA, subscriber) !== true) continue;
    const event = printable(Reflect.getMetadata(MESSAGE_METADATA, subscriber));
    throw failure('FSK_SUBSCRIBE_MESSAGE', placeOf(prototype, name), event);
  }
}

type Method = (...values: never[]) => unknown;

/** A method, and the prototype that has it; an accessor is none, and is not called. */
function methodOf(prototype: object, name: string): { prototype: object; function: Method } | undefined {
  for (const each of [prototype, ...prototypesOf(prototype)]) {
    const descriptor = Object.getOwnPropertyDescriptor(each, name);
    if (!descriptor) continue;
    const value: unknown = descriptor.value;
    return typeof value === 'function' ? { prototype: each, function: value as Method } : undefined;
  }
  return undefined;
}

/** Without a namespace of its own, a handler in a gateway of Nest's serves `/`, whatever the gateway serves. */
function checkNamespaces(prototype: object, declarations: readonly Declaration[]): void {
  const where = whereElse(prototype.constructor);
  if (where === undefined) return;
  for (const { method, handlers } of declarations) {
    const isFound = ({ kind, namespace }: HandlerMetadata) =>
      kind === 'errorDefault' || namespace !== undefined;
    if (!handlers.every(isFound)) throw failure('FSK_GATEWAY_ELSEWHERE', placeOf(prototype, method), where);
  }
}

/** Where a gateway of Nest's is, if that is not `/` of the shared server. */
function whereElse(metatype: object): string | undefined {
  const port: unknown = Reflect.getMetadata(PORT_METADATA, metatype);
  if (port) return `port ${printable(port)}`;
  const options = Reflect.getMetadata(GATEWAY_OPTIONS, metatype) as { namespace?: unknown } | undefined;
  const namespace = options?.namespace || DEFAULT_NAMESPACE;
  return namespace === DEFAULT_NAMESPACE ? undefined : `namespace ${printable(namespace)}`;
}

/** The client's arguments would go to a parameter that its author takes for the socket. */
function checkSocketParameters(prototype: object, declaration: Declaration): void {
  const { method } = declaration;
  const types = (Reflect.getOwnMetadata(PARAMTYPES_METADATA, declaration.prototype, method) ??
    []) as unknown[];
  if (!types.some(isSocketClass)) return;
  const place = placeOf(prototype, method);
  const decorated = parametersOf(declaration, place).map(({ index }) => index);
  const bare = types.findIndex((type, index) => isSocketClass(type) && !decorated.includes(index));
  if (bare >= 0) throw failure('FSK_SOCKET_PARAMETER', bare + 1, place);
}

/** socket.io's, or that of another copy of socket.io. */
function isSocketClass(type: unknown): boolean {
  if (typeof type !== 'function') return false;
  const { name, prototype } = type as { name: string; prototype?: Partial<Socket> };
  return type === Socket || (name === 'Socket' && typeof prototype?.join === 'function');
}

/** The value of `@WebSocketServer()` in a gateway of a namespace. */
export type ServerFor = (namespace: string) => Server | Namespace;

/** Fills the properties of a `@SocketGateway()` that Nest's `@WebSocketServer()` marks. */
export function injectServer(instance: object, serverFor: ServerFor): void {
  const namespace = gatewayNamespace(prototypesOf(instance));
  if (namespace === undefined) return;
  for (const key of serverProperties(instance)) Reflect.set(instance, key, serverFor(namespace));
}

/** A gateway with `afterInit()`. */
interface GatewayWithInit {
  afterInit(server: Server | Namespace): unknown;
}

/** Calls `afterInit()` of gateways of ours, as Nest does for its own; one that fails, now or later, fails the boot. */
export async function initGateways(instances: Iterable<object>, serverFor: ServerFor): Promise<void> {
  for (const instance of instances) {
    injectServer(instance, serverFor); // Nest's instance of a request-scoped class has none yet
    const namespace = gatewayNamespace(prototypesOf(instance));
    await (instance as GatewayWithInit).afterInit(serverFor(namespace!));
  }
}

/** The same for instances that live shorter than the application. */
export function withServer<T extends object>(prototype: object, source: Source<T>): Source<T> {
  if (serverProperties(prototype).length === 0) return source;
  return (request: SocketRequest) => {
    const instance = source(request);
    const { runtime } = request.connection;
    injectServer(instance, (namespace) => runtime.serverFor(namespace));
    return instance;
  };
}

function serverProperties(instance: object): string[] {
  const keys: string[] = [];
  for (const key in instance) {
    if (Reflect.getMetadata(GATEWAY_SERVER_METADATA, instance, key) === true) keys.push(key);
  }
  return keys;
}
