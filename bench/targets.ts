import type { ServerName } from './servers.js';

/** What shall hold: a ratio, taken round by round, whose median is at most so much. */
export interface Target {
  title: string;
  question: string;
  metric: string;
  of: ServerName;
  to: ServerName;
  atMost: number;
}

function target(
  title: string,
  atMost: number,
  [question, metric, of, to]: [string, string, ServerName, ServerName],
): Target {
  return { title, atMost, question, metric, of, to };
}

export const TARGETS: readonly Target[] = [
  target('acknowledged event, CPU', 0.62, ['echo', 'cpu', 'ours', 'bare']),
  target('event answered by an event, CPU', 0.62, ['reply', 'cpu', 'ours', 'bare']),
  target('with guard, pipe and interceptor, CPU', 0.8, ['echo', 'cpu', 'ours-staged', 'bare']),
  target('request-scoped, one scoped provider, CPU', 0.7, ['echo', 'cpu', 'ours-scoped-1', 'bare']),
  target('request-scoped, three scoped providers, CPU', 0.75, ['echo', 'cpu', 'ours-scoped-3', 'bare']),
  target('broadcast, CPU per delivery', 0.52, ['broadcast', 'cpu', 'ours', 'bare']),
  target('light load, CPU', 1.05, ['light', 'cpu', 'ours', 'bare']),
  target('light load, p50 (no worse: within 5 %)', 1.05, ['light', 'p50', 'ours', 'bare']),
  target('light load, p99 (no worse: within 10 %)', 1.1, ['light', 'p99', 'ours', 'bare']),
  target('idle connection, RSS', 0.95, ['idle', 'rss', 'ours', 'bare']),
  target('connecting, CPU', 1.05, ['connect', 'cpu', 'ours', 'bare']),
  target('acknowledged event, CPU', 0.45, ['echo', 'cpu', 'ours', 'nest']),
  target('limits, acknowledged event, CPU', 1.03, ['echo', 'cpu', 'ours', 'ours-unlimited']),
  target('limits, light load, CPU', 1.02, ['light', 'cpu', 'ours', 'ours-unlimited']),
  target('limits, idle connection, RSS', 1.03, ['idle', 'rss', 'ours', 'ours-unlimited']),
  target('idle connection, heap', 0.5, ['idle', 'heap', 'ours', 'nest']),
  target('request-scoped, one scoped provider, CPU', 0.4, ['echo', 'cpu', 'ours-scoped-1', 'nest-scoped']),
];
