import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { HttpAdapterHost } from '@nestjs/core';

/** Protocol, host and address of a request as its client sees them. */
export interface ClientView {
  protocol: string;
  host: string | undefined;
  ip: string | undefined;
}

type RequestConstructor = new (...values: unknown[]) => ClientView;

/**
 * A request as its client sees it: behind a trusted proxy (Express `trust proxy`, Fastify `trustProxy`) from the
 * forwarded headers. The platform's own request class evaluates them.
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
