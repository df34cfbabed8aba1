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
import type { InstanceResolver } from './handler.js';
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
 * Classes that are written like Nest's own gateways: their hooks, @WebSocketServer() and afterInit() work here, too. What
 * cannot work fails the boot.
 */

/** The methods that Nest calls by their names when a client connects and disconnects. */
const GATEWAY_HOOKS = ['handleConnection', 'handleDisconnect'] as const;

/** The name of such a method. */
export type GatewayHook = (typeof GATEWAY_HOOKS)[number];

/** The class of a gateway. */
interface GatewayClass {
  readonly prototype: object;
  readonly namespace: string | undefined;
  readonly declarations: readonly Declaration[];
}

/** Whether a kind of handler is such a method. */
export function isGatewayHook(kind: HandlerMetadata['kind']): kind is GatewayHook {
  return (GATEWAY_HOOKS as readonly string[]).includes(kind);
}

/** Whether a class has `@WebSocketGateway()`, so that Nest itself calls its methods. */
function isNestGateway({ constructor }: object): boolean {
  return Reflect.getMetadata(GATEWAY_METADATA, constructor) === true;
}

/** Whether a gateway of ours has a method that we call by its name, as Nest does for its own gateways. */
export function hasLifecycleMethod(
  { prototype, namespace, declarations }: GatewayClass,
  name: string,
): boolean {
  if (namespace === undefined || isNestGateway(prototype)) return false;
  if (declarations.some(({ method }) => method === name)) return false; // it is called as a handler
  return typeof Reflect.get(prototype, name) === 'function';
}

/** Declares the hooks of a gateway as handlers, as if they were decorated. */
export function gatewayHooksOf(gateway: GatewayClass): Declaration[] {
  return GATEWAY_HOOKS.filter((hook) => hasLifecycleMethod(gateway, hook)).map((hook) => {
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

/** Fails the boot where a method would never be called, or would be called with unexpected arguments. */
export function checkGateway({ prototype, namespace, declarations }: GatewayClass): void {
  if (!isNestGateway(prototype)) checkSubscribeMessage(prototype);
  else if (namespace === undefined) checkNamespaces(prototype, declarations);
  for (const declaration of declarations) checkSocketParameters(prototype, declaration);
}

/** Fails at `@SubscribeMessage()`, which Nest only calls in its own gateways. */
function checkSubscribeMessage(prototype: object): void {
  const names = [prototype, ...prototypesOf(prototype)].flatMap((each) => Object.getOwnPropertyNames(each));
  for (const name of new Set(names)) {
    const subscriber = methodOf(prototype, name)?.function;
    if (!subscriber || Reflect.getMetadata(MESSAGE_MAPPING_METADATA, subscriber) !== true) continue;
    const event = printable(Reflect.getMetadata(MESSAGE_METADATA, subscriber));
    throw failure('FSK_SUBSCRIBE_MESSAGE', placeOf(prototype, name), event);
  }
}

type Method = (...values: never[]) => unknown;

/** A method and the prototype that has it. An accessor is no method, and is not called. */
function methodOf(prototype: object, name: string): { prototype: object; function: Method } | undefined {
  for (const each of [prototype, ...prototypesOf(prototype)]) {
    const descriptor = Object.getOwnPropertyDescriptor(each, name);
    if (!descriptor) continue;
    const value: unknown = descriptor.value;
    return typeof value === 'function' ? { prototype: each, function: value as Method } : undefined;
  }
  return undefined;
}

/** Fails where a handler of ours in one of Nest's gateways would be in `/` and the gateway in another namespace or port. */
function checkNamespaces(prototype: object, declarations: readonly Declaration[]): void {
  const where = otherLocationOf(prototype.constructor);
  if (where === undefined) return;
  for (const { method, handlers } of declarations) {
    const isFound = ({ kind, namespace }: HandlerMetadata) =>
      kind === 'errorDefault' || namespace !== undefined;
    if (!handlers.every(isFound)) throw failure('FSK_GATEWAY_ELSEWHERE', placeOf(prototype, method), where);
  }
}

/** The port or namespace of one of Nest's gateways, if it is not `/` of the shared server. */
function otherLocationOf(metatype: object): string | undefined {
  const port: unknown = Reflect.getMetadata(PORT_METADATA, metatype);
  if (port) return `port ${printable(port)}`;
  const options = Reflect.getMetadata(GATEWAY_OPTIONS, metatype) as { namespace?: unknown } | undefined;
  const namespace = options?.namespace || DEFAULT_NAMESPACE;
  return namespace === DEFAULT_NAMESPACE ? undefined : `namespace ${printable(namespace)}`;
}

/** Fails where a parameter of type `Socket` has no decorator: it would receive an argument of the client. */
function checkSocketParameters(prototype: object, declaration: Declaration): void {
  const { method } = declaration;
  const types = (Reflect.getOwnMetadata(PARAMTYPES_METADATA, declaration.prototype, method) ??
    []) as unknown[];
  if (!types.some(isSocketClass)) return;
  const place = placeOf(prototype, method);
  const decorated = parametersOf(declaration, place).map(({ index }) => index);
  const undecorated = types.findIndex((type, index) => isSocketClass(type) && !decorated.includes(index));
  if (undecorated >= 0) throw failure('FSK_SOCKET_PARAMETER', undecorated + 1, place);
}

/** Whether a type is the class `Socket` of our or of another copy of socket.io. */
function isSocketClass(type: unknown): boolean {
  if (typeof type !== 'function') return false;
  const { name, prototype } = type as { name: string; prototype?: Partial<Socket> };
  return type === Socket || (name === 'Socket' && typeof prototype?.join === 'function');
}

/** Gives the value of `@WebSocketServer()` in a gateway of a namespace. */
export type ServerFor = (namespace: string) => Server | Namespace;

/** Sets the properties of a `@SocketGateway()` that have Nest's `@WebSocketServer()`. */
export function injectServer(instance: object, serverFor: ServerFor): void {
  const namespace = gatewayNamespace(prototypesOf(instance));
  if (namespace === undefined) return;
  for (const key of serverProperties(instance)) Reflect.set(instance, key, serverFor(namespace));
}

/** A gateway with `afterInit()`. */
interface GatewayWithInit {
  afterInit(server: Server | Namespace): unknown;
}

/** Calls `afterInit()` of our gateways, as Nest does for its own. An error or a rejection of it fails the boot. */
export async function initGateways(instances: Iterable<object>, serverFor: ServerFor): Promise<void> {
  for (const instance of instances) {
    injectServer(instance, serverFor); // the instance of a request-scoped class has no server yet
    const namespace = gatewayNamespace(prototypesOf(instance));
    await (instance as GatewayWithInit).afterInit(serverFor(namespace!));
  }
}

/** Sets the same properties of request-scoped and transient instances. */
export function withInjectedServer<T extends object>(
  prototype: object,
  source: InstanceResolver<T>,
): InstanceResolver<T> {
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
