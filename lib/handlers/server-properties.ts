import type { Namespace, Server } from 'socket.io';
import type { SocketRequest } from '../context/socket-request.js';
import { gatewayNamespace, prototypesOf } from '../decorators/handler.metadata.js';
import type { Source } from './handler.js';
import { GATEWAY_SERVER_METADATA } from './nest-internals.js';

/** What a gateway of a namespace speaks through. */
export type ServerFor = (namespace: string) => Server | Namespace;

/** Fills the properties of a `@SocketGateway()` that Nest's `@WebSocketServer()` marks. */
export function giveServer(instance: object, serverFor: ServerFor): void {
  const namespace = gatewayNamespace(prototypesOf(instance));
  if (namespace === undefined) return;
  for (const key of serverProperties(instance)) Reflect.set(instance, key, serverFor(namespace));
}

/** A gateway that wants to be told when its server is there. */
interface GatewayWithInit {
  afterInit(server: Server | Namespace): unknown;
}

/** Calls `afterInit()` of gateways of ours, as Nest does for its own; one that fails, now or later, fails the boot. */
export async function initGateways(instances: Iterable<object>, serverFor: ServerFor): Promise<void> {
  for (const instance of instances) {
    giveServer(instance, serverFor); // Nest's instance of a request-scoped class has none yet
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
    giveServer(instance, (namespace) => runtime.serverFor(namespace));
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
