import cluster from 'node:cluster';
import type { Server } from 'socket.io';
import { isWorker } from '../../workers/worker.js';

/** engine.io's code for a request that names a connection which it does not know. */
const UNKNOWN_SID = 1;

const UNKNOWN_SID_EXPLAINED =
  'Session ID unknown: the connection has ended, or another process has it. ' +
  'With several processes the balancer has to be sticky, or clients use WebSocket only.';

/** The text for a log, where several processes seem to serve one port and know nothing of each other. */
export const NOT_JOINED =
  'This process seems to be one of several (Node cluster, PM2), and there is no message queue: they are not one ' +
  'server, and clients that poll cannot stay connected. Start it with run(AppModule, { workers }), or see ' +
  'the page "Deployment" of the documentation.';

/** Whether another program has forked this process to share a port with its siblings. */
export function isOneOfMany(variables: NodeJS.ProcessEnv): boolean {
  return (cluster.isWorker && !isWorker()) || variables['exec_mode'] === 'cluster_mode';
}

/** Says in the answer to a polling request that came to the wrong process what is wrong. */
export function explainUnknownConnections(server: Server): void {
  server.engine.on('connection_error', (error: { code: number; context?: { message?: string } }) => {
    // engine.io answers with the context's message, if there is one
    if (error.code === UNKNOWN_SID && error.context) error.context.message = UNKNOWN_SID_EXPLAINED;
  });
}
