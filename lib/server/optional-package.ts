import { createRequire } from 'node:module';
import { join } from 'node:path';
import { failure } from '../common/errors.js';

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

/** The same, where the application has to install it; `purpose` says what needs it. */
export function whereIs(name: string, purpose: string): string {
  const file = findPackage(name);
  if (file === undefined) throw failure('FSK_MISSING_PACKAGE', name, purpose);
  return file;
}

/** What the file of a package exports. */
export function load(file: string): unknown {
  return createRequire(import.meta.url)(file) as unknown;
}

function resolvedFrom(place: string, name: string): string | undefined {
  try {
    return createRequire(place).resolve(name);
  } catch {
    return undefined;
  }
}
