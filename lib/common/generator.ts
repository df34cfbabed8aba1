const GENERATORS: ReadonlySet<unknown> = new Set(['[object Generator]', '[object AsyncGenerator]']);

/** Whether a value is what a `function*` or an `async function*` returned. */
export function isGenerator(value: unknown): value is Generator | AsyncGenerator {
  if (typeof value !== 'object' || value === null || !('next' in value)) return false;
  return GENERATORS.has(Object.prototype.toString.call(value));
}
