import { createRequire } from 'node:module';
import { join } from 'node:path';
import { failure } from './errors.js';

/**
 * The file of a package that may be missing. It is resolved from this package, then from the application's main script:
 * if this package is linked into the application, it does not see the application's packages.
 */
export function findPackage(name: string): string | undefined {
  const places = [import.meta.url, process.argv[1] ?? join(process.cwd(), 'main.js')];
  for (const place of places) {
    const found = resolvedFrom(place, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Throws `FSK_MISSING_PACKAGE` with the names of all missing packages; `user` is what needs them. */
export function requirePackages(names: readonly string[], user: string): void {
  const missing = names.filter((name) => findPackage(name) === undefined);
  if (missing.length > 0) throw failure('FSK_MISSING_PACKAGE', missing, user);
}

/** The exports of a package that is installed. */
export function loadPackage(name: string): unknown {
  return createRequire(import.meta.url)(findPackage(name) ?? name);
}

function resolvedFrom(place: string, name: string): string | undefined {
  try {
    return createRequire(place).resolve(name);
  } catch {
    return undefined;
  }
}
