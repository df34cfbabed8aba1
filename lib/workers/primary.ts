import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { FlaskSocketLogger } from '../common/logger.js';
import { listenFailure } from '../common/listen-failure.js';
import { counted } from '../common/printable.js';
import { Balancer } from './balancer.js';
import { WorkerPool } from './worker-pool.js';
import { workerEnvironment } from './worker.js';

export interface PrimaryOptions {
  workers: number;
  host: string;
  port: number;
  logger: FlaskSocketLogger;
}

/**
 * Runs the workers until a signal: SIGTERM and SIGINT end the process with code 0, a second SIGINT at once,
 * SIGHUP replaces the workers one after the other. Never resolves. Source: promise P2.
 */
export async function runPrimary(options: PrimaryOptions): Promise<never> {
  const { logger, host, port, workers } = options;
  let closing: Promise<void> | undefined;
  const end = (code: number) => (closing ??= close(code));
  const close = async (code: number) => {
    balancer.drain();
    const ended = await pool.close();
    balancer.server.close();
    if (!ended) logger.error('Some workers did not end in time and were killed.');
    process.exit(ended ? code : 1);
  };
  let interrupts = 0;
  const interrupt = () => {
    if (++interrupts === 1) return void end(0);
    pool.kill();
    process.exit(130);
  };
  const pool = new WorkerPool(workers, {
    logger,
    events: {
      ready: () => balancer.retry(),
      failed: (code) => void end(code),
      stop: () => void end(0),
    },
  });
  const balancer = new Balancer((worker) => pool.targetFor(worker));
  balancer.server.listen(port, host);
  await once(balancer.server, 'listening').catch((error: unknown) => {
    throw listenFailure(error, { host, port });
  });
  process.on('SIGTERM', () => void end(0)).on('SIGINT', interrupt);
  process.on('SIGHUP', () => void pool.replaceAll());
  const address = balancer.server.address() as AddressInfo;
  pool.start(workerEnvironment(address));
  logger.log(
    `${counted(workers, 'worker')} on ${address.address}:${address.port}, primary process ${process.pid}.`,
  );
  return await new Promise<never>(() => {});
}
