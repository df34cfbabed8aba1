import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';
import { libFiles, root } from './source.js';

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
  for (const { fileName, text } of libFiles()) write(join(library, fileName), text);
  writeFileSync(join(library, 'package.json'), JSON.stringify(MANIFEST));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of siblings(path))
    write(join(folder, name), readFileSync(join(dirname(path), name), 'utf8'));
  const main = join(folder, `${basename(path, '.ts')}.js`);
  return { main, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The program, and the modules beside it. */
function siblings(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name.endsWith('.ts') && !/\.(spec|d)\.ts$/.test(name));
}

function write(path: string, text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  const output = path.replace(/\.ts$/, '.js');
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, outputText);
  return output;
}
