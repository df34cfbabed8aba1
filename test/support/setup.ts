import 'reflect-metadata';
import { afterAll, vi } from 'vitest';

/** Spec files share a process: what one has set in the environment, or has faked, is not there for the next one. */
const environment = { ...process.env };

afterAll(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  for (const name of Object.keys(process.env))
    if (!(name in environment)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, environment);
});
