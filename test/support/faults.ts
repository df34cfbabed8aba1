import { afterEach, beforeEach, expect } from 'vitest';

/** Has every test of a file fail that leaves something behind which would have ended the process. */
export function expectNoFaults(): void {
  const faults: unknown[] = [];
  const note = (fault: unknown) => void faults.push(fault);

  beforeEach(() => {
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
  });

  afterEach(() => {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
    expect(faults.splice(0)).toEqual([]);
  });
}
