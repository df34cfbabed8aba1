import { SERVERS, type ServerName } from '../servers.js';
import type { Result, Samples } from './measure.js';
import type { Metric, Question } from './question.js';
import { median, quartiles, ratios } from './statistics.js';

export type Table = string[][];

/** A question's medians, their spread and their ratios to bare socket.io. */
export function summary({
  question,
  samples,
}: {
  question: Pick<Question, 'metrics'>;
  samples: Samples;
}): Table {
  const compared = question.metrics.filter(({ isCompared }) => isCompared !== false && samples.has('bare'));
  return [
    [
      '',
      ...question.metrics.flatMap((metric) => [
        `${metric.title}, ${metric.unit}`,
        ...(compared.includes(metric) ? ['÷ bare'] : []),
      ]),
    ],
    ...[...samples.keys()].map((server) => [
      SERVERS[server].title,
      ...question.metrics.flatMap((metric) => [
        withSpread(seriesOf(samples, { server, metric }), metric.digits),
        ...(compared.includes(metric) ? [ratioTo('bare', samples, { server, metric })] : []),
      ]),
    ]),
  ];
}

/** Every number that was measured. */
export function rawNumbers({ question, samples }: Result): Table {
  const rounds = Math.max(...[...samples.values()].map(({ length }) => length));
  return [
    ['', '', ...Array.from({ length: rounds }, (_, round) => String(round + 1))],
    ...[...samples.keys()].flatMap((server) =>
      question.metrics.map((metric) => [
        SERVERS[server].title,
        `${metric.title}, ${metric.unit}`,
        ...seriesOf(samples, { server, metric }).map((number) => format(number, metric.digits)),
      ]),
    ),
  ];
}

/** One metric of one server, round by round. */
export function seriesOf(
  samples: Samples,
  { server, metric }: { server: ServerName; metric: Pick<Metric, 'key'> },
): number[] {
  return samples.get(server)!.map((sample) => sample[metric.key]!);
}

/** As Markdown. */
export function markdown([head, ...rows]: Table): string {
  const numbers = head!.slice(1).map(() => '--:');
  return [head!, [':--', ...numbers], ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** For a terminal. */
export function plain(table: Table): string {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join('  '),
    )
    .join('\n');
}

export function format(number: number, digits: number): string {
  return number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The median, with the first and the third quartile. */
export function withSpread(series: readonly number[], digits: number): string {
  const [first, third] = quartiles(series);
  return `${format(median(series), digits)} (${format(first, digits)}–${format(third, digits)})`;
}

function ratioTo(
  base: ServerName,
  samples: Samples,
  { server, metric }: { server: ServerName; metric: Metric },
): string {
  const series = seriesOf(samples, { server, metric });
  return format(median(ratios(series, seriesOf(samples, { server: base, metric }))), 2);
}
