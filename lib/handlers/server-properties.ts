import type { Namespace, Server } from 'socket.io';
import { ANY, DEFAULT_NAMESPACE } from '../common/constants.js';
import { isPattern } from '../common/namespace.js';
import type { SocketRequest } from '../context/socket-request.js';
import { gatewayNamespace, prototypesOf } from '../decorators/handler.metadata.js';
import type { Source } from './handler.js';
import { GATEWAY_SERVER_METADATA } from './nest-internals.js';

/**
 * Fills the properties of a `@SocketGateway()` that Nest's `@WebSocketServer()` marks: with the namespace of the
 * class, or with the server where the class has the default one, a pattern or `*`.
 */
export function giveServer(instance: object, server: Server): void {
  const namespace = gatewayNamespace(prototypesOf(instance));
  if (namespace === undefined) return;
  for (const key of serverProperties(instance)) Reflect.set(instance, key, serverOf(server, namespace));
}

/** The same for instances that live shorter than the application. */
export function withServer<T extends object>(prototype: object, source: Source<T>): Source<T> {
  if (serverProperties(prototype).length === 0) return source;
  return (request: SocketRequest) => {
    const instance = source(request);
    giveServer(instance, request.connection.runtime.server);
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

function serverOf(server: Server, namespace: string): Server | Namespace {
  const isOne = namespace !== DEFAULT_NAMESPACE && namespace !== ANY && !isPattern(namespace);
  return isOne ? server.of(namespace) : server;
}
