import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import type { Session } from 'node:inspector/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { answer, say } from './lines.js';

/** The settings of socket.io that all servers have in common: its own defaults, named. */
export const SETTINGS = { pingInterval: 25_000, pingTimeout: 20_000, perMessageDeflate: false };

/** Every limit is on, and none is reached: what is measured is what they cost those who keep to them. */
export const LIMITS = process.argv.includes('unlimited')
  ? (false as const)
  : {
      eventRate: 1_000_000,
      eventBurst: 1_000_000,
      handshakesPerAddress: 100_000,
      connectionsPerAddress: 100_000,
    };

/** Every server has 20 handlers: `echo`, `reply`, `broadcast`, and these, which nobody calls. */
export const IDLE_EVENTS = Array.from({ length: 17 }, (_, index) => `idle ${index}`);

/** How many gateways a server has; all but the first are there for the question how long it takes to boot. */
export const GATEWAYS = Number(process.env.GATEWAYS ?? 1);

/** What a server says once it listens. */
export interface Ready {
  port: number;
  /** Since the process was started. */
  bootMilliseconds: number;
  bootCpuMilliseconds: number;
}

/** Says that the server listens, then answers questions about the process until there are none any more. */
export async function serve(server: HttpServer): Promise<void> {
  say({
    port: (server.address() as AddressInfo).port,
    bootMilliseconds: performance.now(),
    bootCpuMilliseconds: cpu() / 1000,
  } satisfies Ready);
  await answer({ cpu: () => ({ cpu: cpu() }), memory, startProfile, stopProfile });
}

/** Adds handlers that nobody calls to a gateway. */
export function addIdleHandlers(
  gateway: { prototype: object },
  handles: (event: string) => MethodDecorator,
  events = IDLE_EVENTS,
): void {
  for (const event of events) {
    const descriptor = { value: (data: unknown) => data, writable: true, configurable: true };
    Object.defineProperty(gateway.prototype, event, descriptor);
    handles(event)(gateway.prototype, event, descriptor);
  }
}

/** Gateways with 20 handlers each that nobody calls. */
export function idleGateways(
  declare: ClassDecorator,
  handles: (event: string) => MethodDecorator,
): (new () => object)[] {
  return Array.from({ length: GATEWAYS - 1 }, (_, gateway) => {
    class IdleGateway {}
    addIdleHandlers(
      IdleGateway,
      handles,
      Array.from({ length: 20 }, (__, index) => `idle ${gateway} ${index}`),
    );
    declare(IdleGateway);
    return IdleGateway;
  });
}

/** Microseconds of CPU time that this process has taken, in all its threads. */
export function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function memory(): Promise<object> {
  for (let count = 0; count < 4; count++) {
    globalThis.gc!();
    await wait(50);
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss };
}

let session: Session;

async function startProfile(): Promise<object> {
  const { Session } = await import('node:inspector/promises');
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  return {};
}

async function stopProfile({ path }: { path: string }): Promise<object> {
  const { profile } = await session.post('Profiler.stop');
  await writeFile(path, JSON.stringify(profile));
  return {};
}
