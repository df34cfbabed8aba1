import type { Server as HttpServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { INestApplication } from '@nestjs/common';
import type { Server } from 'socket.io';
import { clientsOf } from '../../connection/departure.js';
import { sendToPrimary, workerConnectionId, WorkerConnections, workerUrl } from '../../workers/worker.js';
import { FlaskSocketConfig } from '../engine-options.js';
import { FlaskSocketRuntime } from '../flask-socket.runtime.js';
import { Shutdown } from '../shutdown.js';
import { endOnSignals } from './process-end.js';

/** Serves what the primary process hands over, instead of a port of its own. */
export async function serveAsWorker(app: INestApplication): Promise<INestApplication> {
  await app.init();
  await (app.getHttpAdapter().getInstance() as { ready?: () => PromiseLike<unknown> }).ready?.(); // Fastify
  const connections = new WorkerConnections(app.getHttpServer() as HttpServer);
  const { server } = app.get(FlaskSocketRuntime);
  const { engine } = server;
  const generateId = engine.generateId.bind(engine);
  engine.generateId = async (request: Parameters<typeof generateId>[0]) =>
    workerConnectionId(await generateId(request));
  const end = endOnSignals(app, () => {
    connections.close();
    process.disconnect?.();
  });
  app.get(Shutdown).closeApplication = async () => {
    sendToPrimary({ fsk: 'stop' }); // all workers are to end, not this one alone
    await app.close();
  };
  const retire = () => void waitForConnectingClients(server, () => connections.awaitsFirstResponse).then(end);
  const { shutdownTimeout } = app.get(FlaskSocketConfig).options;
  connections.start({ drain: end, retire, shutdownTimeout });
  // Nest would say that it does not listen. Its proxy takes definitions, but no assignments.
  const getUrl = () => Promise.resolve(workerUrl());
  Object.defineProperty(app, 'getUrl', { value: getUrl, configurable: true, writable: true });
  return app;
}

/** The longest wait for connecting clients, and the pause between two looks, in milliseconds. */
const LONGEST = 2_000;
const PAUSE = 20;

/**
 * Resolves when all clients that are connecting are in a namespace, or after two seconds. `isAsked` says whether there
 * is one that the server does not know yet. Source: promise P2.
 */
export async function waitForConnectingClients(server: Server, isAsked: () => boolean): Promise<void> {
  const until = Date.now() + LONGEST;
  while ((isAsked() || isSomebodyConnecting(server)) && Date.now() < until) await delay(PAUSE);
}

function isSomebodyConnecting(server: Server): boolean {
  return server.engine.clientsCount > clientsOf(server).size;
}
