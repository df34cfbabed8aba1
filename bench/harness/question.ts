import type { Ready } from './serve.js';
import { CORES, Process } from './process.js';
import { SERVERS, type ServerName } from '../servers.js';

/** Something that is measured. */
export interface Metric {
  key: string;
  title: string;
  unit: string;
  digits: number;
  /** Whether a ratio to bare socket.io says anything. Default: true. */
  isCompared?: boolean;
}

/** What one round measured, by metric. */
export type Sample = Record<string, number>;

/** A server that is being measured, round by round. */
export interface Subject {
  /** Before the first round. */
  warmUp?(): Promise<void>;
  round(): Promise<Sample>;
  stop(): Promise<void>;
  /** The process to profile, if it lives longer than a round. */
  process?: Process<Ready>;
}

/** One question of the benchmark. */
export interface Question {
  name: string;
  title: string;
  /** What is done, in a sentence or two. */
  about: string;
  servers: readonly ServerName[];
  metrics: readonly Metric[];
  /** How many rounds, if fewer than for the others. */
  rounds?: number;
  subject(server: ServerName, bench: Bench): Promise<Subject>;
}

/** What the questions work with. */
export interface Bench {
  load: Process<object>;
  /** How long a round of load lasts. */
  milliseconds: number;
  /** 1, or less for a quick look. */
  scale: number;
}

/** Starts a server. */
export function startServer(
  server: ServerName,
  { flags = [], env = {} }: { flags?: string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Process<Ready>> {
  const [command, ...args] = SERVERS[server].command(flags);
  return Process.start<Ready>([command!, ...args], { core: CORES.server, env });
}

/** The CPU time that a server takes for something, in microseconds. */
export async function cpuOf<Result>(
  server: Process<Ready>,
  action: () => Promise<Result>,
): Promise<Result & { cpu: number }> {
  const before = await server.ask<{ cpu: number }>({ ask: 'cpu' });
  const result = await action();
  const after = await server.ask<{ cpu: number }>({ ask: 'cpu' });
  return { ...result, cpu: after.cpu - before.cpu };
}
