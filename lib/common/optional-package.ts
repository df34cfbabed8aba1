import { createRequire } from 'node:module';
import { join } from 'node:path';
import { failure } from './errors.js';

/**
 * The file of a package that may be missing. It is looked for as a peer of this package, then from the application's
 * main script: this package may be linked into the application, and its own folder then knows nothing of it.
 */
export function findPackage(name: string): string | undefined {
  const places = [import.meta.url, process.argv[1] ?? join(process.cwd(), 'main.js')];
  for (const place of places) {
    const found = resolvedFrom(place, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Throws `FSK_MISSING_PACKAGE`, once for all packages that the application has to install; `user` needs them. */
export function demand(names: readonly string[], user: string): void {
  const missing = names.filter((name) => findPackage(name) === undefined);
  if (missing.length > 0) throw failure('FSK_MISSING_PACKAGE', missing, user);
}

/** What a package exports that is known to be there. */
export function load(name: string): unknown {
  return createRequire(import.meta.url)(findPackage(name) ?? name);
}

function resolvedFrom(place: string, name: string): string | undefined {
  try {
    return createRequire(place).resolve(name);
  } catch {
    return undefined;
  }
}
