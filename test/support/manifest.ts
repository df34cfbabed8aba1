import { readFileSync } from 'node:fs';
import { root } from './repository.js';

/** Where something is, and its types. */
interface Target {
  types: string;
  default: string;
}

interface Manifest {
  name: string;
  type: string;
  version: string;
  sideEffects: boolean;
  files: string[];
  engines: Record<string, string>;
  main: string;
  types: string;
  typesVersions: Record<string, Record<string, string[]>>;
  exports: Record<string, string | ({ 'module-sync': Target; require: Target } & Target)>;
  bin?: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

/** The package.json of the package. */
export const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Manifest;

/** What users can import, by the name of the sub-path, with the source behind it: `lib/index.ts`. */
export const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{ name, target, source: sourceOf(target.default) }],
);

function sourceOf(built: string): string {
  return built.replace(/^\.\/dist\//, 'lib/').replace(/\.js$/, '.ts');
}

/** Whether a version is the minimum or a later one. */
export function isAtLeast(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, 'en', { numeric: true }) >= 0;
}
