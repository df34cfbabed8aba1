import { adapters } from './adapters.js';
import { postgres, rabbitmq } from './drivers.js';
import { engine } from './engine-io.js';
import { container } from './nest-container.js';
import { nestCommon, nestCore, nestWebsockets } from './nest.js';
import { node } from './node.js';
import { express, fastify, fastifySessions, secureSessions, sessions } from './platforms.js';
import type { Ledger } from './private-member.js';
import { redisAdapter, streamsAdapter } from './redis-adapters.js';
import { namespaces } from './socket-io-namespaces.js';
import { sockets } from './socket-io-sockets.js';
import { ws } from './ws.js';

/** Every private member of other packages that lib relies on. */
export const ledger: Ledger[] = [
  { library: 'socket.io', members: [...namespaces, ...sockets] },
  { library: 'engine.io', members: engine },
  { library: 'ws', members: ws },
  { library: 'socket.io-adapter', members: adapters },
  { library: '@socket.io/redis-adapter', members: redisAdapter },
  { library: '@socket.io/redis-streams-adapter', members: streamsAdapter },
  { library: '@nestjs/common', members: nestCommon },
  { library: '@nestjs/core', members: [...nestCore, ...container] },
  { library: '@nestjs/websockets', members: nestWebsockets },
  { library: 'express', members: express },
  { library: 'express-session', members: sessions },
  { library: 'fastify', members: fastify },
  { library: '@fastify/session', members: fastifySessions },
  { library: '@fastify/secure-session', members: secureSessions },
  { library: 'rabbitmq-client', members: rabbitmq },
  { library: 'pg', members: postgres },
  { library: 'node', members: node },
];
