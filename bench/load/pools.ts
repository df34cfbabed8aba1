import { Client } from './client.js';

/** Clients that stay connected between measurements. */
export interface OnPool {
  pool: number;
}

const pools: Client[][] = [];

export function clientsOf({ pool }: OnPool): readonly [Client, ...Client[]] {
  return pools[pool] as [Client, ...Client[]];
}

/** Connects clients, some at a time. */
export async function open({ port, clients }: { port: number; clients: number }): Promise<OnPool> {
  const opened: Client[] = [];
  while (opened.length < clients) {
    const batch = Array.from({ length: Math.min(50, clients - opened.length) }, () => Client.connect(port));
    opened.push(...(await Promise.all(batch)));
  }
  return { pool: pools.push(opened) - 1 };
}

/** Disconnects them all. */
export async function close({ pool }: OnPool): Promise<object> {
  await Promise.all(pools[pool]!.map((client) => client.leave()));
  pools[pool] = [];
  return {};
}
