import 'reflect-metadata';
import { afterAll, vi } from 'vitest';

/** Spec files share processes: what one has changed of this, it changes back. */
const shared = () => ({
  setTimeout,
  setInterval,
  setImmediate,
  clearTimeout,
  Date,
  'performance.now': performance.now,
  'Math.random': Math.random,
  'process.exit': process.exit,
  'process.env': JSON.stringify(process.env),
});
const before = shared();

afterAll(() => {
  vi.restoreAllMocks();
  const after = shared();
  const changed = Object.keys(before).filter((name) => before[name as never] !== after[name as never]);
  if (changed.length > 0)
    throw new Error(`This spec file leaves changed what others share: ${changed.join(', ')}`);
});
