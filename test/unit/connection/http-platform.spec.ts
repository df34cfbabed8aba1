import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { clientView } from '../../../lib/connection/http-platform.js';

const request = {
  headers: { host: 'app.example' },
  socket: { remoteAddress: '10.0.0.1', encrypted: true },
} as unknown as IncomingMessage; // what is read of it

const on = (platform: unknown) => ({ httpAdapter: { getInstance: () => platform } }) as HttpAdapterHost;

describe('a request as its client sees it', () => {
  it('K2 is what arrived, where no platform says more', () => {
    for (const host of [{} as HttpAdapterHost, on({}), on(undefined)])
      expect(clientView(host, request)).toEqual({ protocol: 'https', host: 'app.example', ip: '10.0.0.1' });
  });

  it('K2 is what Express makes of it', () => {
    const platform = Object.assign(() => {}, {
      request: {
        get ip() {
          return `forwarded for ${(this as unknown as IncomingMessage).socket.remoteAddress}`;
        },
      },
    });

    expect(clientView(on(platform), request).ip).toBe('forwarded for 10.0.0.1');
  });

  it('K2 is what Fastify makes of it', () => {
    class Request {
      readonly ip: string;
      constructor(_id: unknown, _params: unknown, raw: IncomingMessage) {
        this.ip = `forwarded for ${raw.socket.remoteAddress}`;
      }
    }

    expect(clientView(on({ [Symbol('fastify.Request')]: Request }), request).ip).toBe(
      'forwarded for 10.0.0.1',
    );
  });
});
