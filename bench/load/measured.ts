/** What came of a load. */
export interface Load {
  /** Events answered, deliveries or cycles. */
  count: number;
  milliseconds: number;
  /** The share of one core that this process took. */
  share: number;
}

/**
 * Measures from the start of a load until it says how much it was. Both times nothing is on its way, so that the
 * CPU time that the server takes in between belongs to exactly what was counted.
 */
export async function measured(run: (finish: (count: number) => void) => void): Promise<Load> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  const count = await new Promise<number>(run);
  const milliseconds = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { count, milliseconds, share: (user + system) / 1_000 / milliseconds };
}
