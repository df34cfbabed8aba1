import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';
import { root } from './repository.js';

const MANIFEST = {
  name: 'nestjs-flask-socket',
  type: 'module',
  exports: {
    '.': './index.js',
    './testing': './testing/index.js',
    './emitter': './emitter/index.js',
    './metrics': './metrics/index.js',
  },
};

/** A program that imports the package by its name, ready for `node`. */
export interface Compiled {
  /** The path of the program. */
  main: string;
  remove(): void;
}

/** Compiles a program together with lib as it stands: a child process has no vitest that does so. */
export function compiled(path: string): Compiled {
  const cache = `${root}node_modules/.cache`;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'nestjs-flask-socket-'));
  const library = join(folder, 'node_modules/nestjs-flask-socket');
  for (const name of modulesIn(`${root}lib`)) writeModuleOfLib(name, join(library, name));
  writeFileSync(join(library, 'package.json'), JSON.stringify(MANIFEST));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  // The program, and the modules beside it.
  for (const name of readdirSync(dirname(path)).filter(isModule))
    writeFileSync(join(folder, asJs(name)), transpiled(join(dirname(path), name)));
  const main = join(folder, asJs(basename(path)));
  return { main, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A TypeScript file as JavaScript. */
export function transpiled(path: string): string {
  return ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  }).outputText;
}

/** Whether all of lib was built since it was written last. */
export function isBuilt(): boolean {
  return modulesIn(`${root}lib`).every((name) => isNewer(`${root}dist/${asJs(name)}`, `${root}lib/${name}`));
}

const isModule = (name: string) => name.endsWith('.ts') && !/\.(spec|d)\.ts$/.test(name);
const asJs = (name: string) => name.replace(/\.ts$/, '.js');
const modulesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(isModule);

/** What was built since the file was written last is taken, as all of it is after `npm test` has built lib. */
function writeModuleOfLib(name: string, path: string): void {
  const [source, built, output] = [`${root}lib/${name}`, `${root}dist/${asJs(name)}`, asJs(path)];
  mkdirSync(dirname(output), { recursive: true });
  if (isNewer(built, source)) copyFileSync(built, output);
  else writeFileSync(output, transpiled(source));
}

const isNewer = (path: string, other: string) => writtenAt(path) > writtenAt(other);
const writtenAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
