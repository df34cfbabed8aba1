import { SERVERS } from '../servers.js';
import { TARGETS, type Target } from '../targets.js';
import type { Result } from './measure.js';
import { median, ratios } from './statistics.js';
import { format, seriesOf, withSpread, type Table } from './table.js';

/** The targets that the results say something about, and whether they are met. */
export function targetTable(results: readonly Result[]): Table {
  const rows = TARGETS.flatMap((target) => {
    const series = ratiosOf(target, results);
    return series ? [row(target, series)] : [];
  });
  return [['', 'compared with', 'target', 'measured', ''], ...rows];
}

function ratiosOf({ question, metric, of, to }: Target, results: readonly Result[]): number[] | undefined {
  const samples = results.find((result) => result.question.name === question)?.samples;
  if (!samples?.has(of) || !samples.has(to)) return undefined;
  const series = (server: typeof of) => seriesOf(samples, { server, metric: { key: metric } });
  return ratios(series(of), series(to));
}

function row({ title, to, atMost }: Target, series: readonly number[]): string[] {
  const verdict = median(series) <= atMost ? 'met' : 'NOT MET';
  return [title, SERVERS[to].title, `≤ ${format(atMost, 2)}`, withSpread(series, 2), verdict];
}
