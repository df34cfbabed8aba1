import { expect } from 'vitest';
import type { Bench } from './bench.js';

/** What lib relies on although its package does not promise it. */
export interface PrivateMember {
  /** As lib's source names it for the compiler: `Socket._onclose`; of a module its path. */
  member: string;
  /** What is read of it, and private as well. */
  also?: readonly string[];
  kind: 'method' | 'property' | 'module' | 'behaviour';
  /** What it is for. */
  serves: string;
  /** The public way, and why it does not do. */
  instead: string;
  /** The files of lib that use it, where the compiler cannot tell. */
  usedBy?: readonly string[];
  /** Fails unless the member is there and does what lib relies on. */
  check(bench: Bench): unknown;
}

/** The private members of one package. */
export interface Ledger {
  /** The package, as package.json and package-lock.json name it; `node` for Node itself. */
  library: string;
  members: readonly PrivateMember[];
}

/** A member, whatever the types say of it. */
// oxlint-disable-next-line no-unnecessary-type-parameters -- who asks knows what it is
export function inside<T>(object: object, name: string): T {
  expect(name in object, `there is no ${name}`).toBe(true);
  return Reflect.get(object, name) as T;
}

/** Calls a method, whatever the types say of it. */
export function call(object: object, name: string, ...values: unknown[]): unknown {
  return Reflect.apply(inside<() => unknown>(object, name), object, values);
}

/** Puts a method of an instance in the place of another, which it gets first. */
export function replace(
  object: object,
  name: string,
  by: (usual: (...values: unknown[]) => unknown, ...values: never[]) => unknown,
): void {
  const method = inside<(...values: unknown[]) => unknown>(object, name);
  expect(method, name).toBeTypeOf('function');
  const usual = (...values: unknown[]): unknown => Reflect.apply(method, object, values);
  Reflect.set(object, name, (...values: never[]) => by(usual, ...values));
}

/** The calls that a method gets from now on. */
export function callsOf<Values extends unknown[] = unknown[]>(object: object, name: string): Values[] {
  const calls: Values[] = [];
  replace(object, name, (usual, ...values) => {
    calls.push(values as unknown as Values);
    return usual(...values);
  });
  return calls;
}
