/** A number that a given share of the sorted numbers does not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Between which numbers the middle half lies. */
export function quartiles(numbers: readonly number[]): [number, number] {
  const sorted = numbers.toSorted((a, b) => a - b);
  return [percentile(sorted, 0.25), percentile(sorted, 0.75)];
}

/** The ratios of two series, round by round. */
export function ratios(series: readonly number[], to: readonly number[]): number[] {
  return series.map((number, round) => number / to[round]!);
}
