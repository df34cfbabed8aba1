import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { HttpAdapterHost } from '@nestjs/core';

/** A request as its client sees it. */
export interface ClientView {
  protocol: string;
  host: string | undefined;
  ip: string | undefined;
}

type RequestConstructor = new (...values: unknown[]) => ClientView;

/**
 * How a request looks from outside: behind a proxy that the application trusts (Express `trust proxy`, Fastify
 * `trustProxy`), as the proxy's headers say. The platform's own request class decides.
 */
export function clientView(host: HttpAdapterHost, request: IncomingMessage): ClientView {
  const platform: unknown = host.httpAdapter?.getInstance?.();
  return expressView(platform, request) ?? fastifyView(platform, request) ?? plainView(request);
}

function plainView({ socket, headers }: IncomingMessage): ClientView {
  return {
    protocol: (socket as TLSSocket).encrypted ? 'https' : 'http',
    host: headers.host,
    ip: socket.remoteAddress,
  };
}

function expressView(platform: unknown, { headers, socket }: IncomingMessage): ClientView | undefined {
  const prototype = (platform as { request?: object } | undefined)?.request;
  if (typeof platform !== 'function' || typeof prototype !== 'object') return undefined;
  return Object.assign(Object.create(prototype) as ClientView, {
    headers,
    socket,
    connection: socket,
    app: platform,
  });
}

function fastifyView(platform: unknown, request: IncomingMessage): ClientView | undefined {
  if (typeof platform !== 'object' || platform === null) return undefined;
  const symbol = Object.getOwnPropertySymbols(platform).find(
    ({ description }) => description === 'fastify.Request',
  );
  const Request = symbol && (platform as Record<symbol, RequestConstructor | undefined>)[symbol];
  return Request && new Request('', {}, request, {}, undefined, {});
}
