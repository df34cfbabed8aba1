import { SERVERS } from '../servers.js';
import { TARGETS, type Target } from '../targets.js';
import type { Result } from './measure.js';
import { median, ratios } from './statistics.js';
import { format, seriesOf, type Table } from './table.js';

/** The targets that the results say something about, and whether they are met. */
export function targetTable(results: readonly Result[]): Table {
  const rows = TARGETS.flatMap((target) => {
    const value = valueOf(target, results);
    return value === undefined ? [] : [row(target, value)];
  });
  return [['', 'compared with', 'target', 'measured', ''], ...rows];
}

function valueOf({ question, metric, of, to }: Target, results: readonly Result[]): number | undefined {
  const samples = results.find((result) => result.question.name === question)?.samples;
  if (!samples?.has(of) || !samples.has(to)) return undefined;
  const series = (server: typeof of) => seriesOf(samples, { server, metric: { key: metric } });
  return median(ratios(series(of), series(to)));
}

function row({ title, to, atMost }: Target, value: number): string[] {
  return [
    title,
    SERVERS[to].title,
    `≤ ${format(atMost, 2)}`,
    format(value, 2),
    value <= atMost ? 'met' : 'NOT MET',
  ];
}
