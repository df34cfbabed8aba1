import 'reflect-metadata';
import passport from 'passport';
import { afterAll, vi } from 'vitest';

/** Spec files share a process: what one has set in the environment, faked, or told passport ends with it. */
const environment = { ...process.env };

afterAll(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  for (const name of Object.keys(process.env))
    if (!(name in environment)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, environment);
  Object.assign(passport, { _serializers: [], _deserializers: [] }); // its own, it keeps for good
});
