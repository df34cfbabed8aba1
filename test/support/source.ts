import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { root } from './repository.js';

/** A TypeScript file of lib, named from there: `common/errors.ts`. */
export function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** Every file of lib, parsed. */
export function libFiles(): ts.SourceFile[] {
  const paths = readdirSync(`${root}lib`, { recursive: true, encoding: 'utf8' });
  return paths
    .filter((path) => path.endsWith('.ts'))
    .toSorted()
    .map((path) => parse(path, readFileSync(`${root}lib/${path}`, 'utf8')));
}

/** `lib/common/errors.ts:12`, for the message of a failed test. */
export function place(file: ts.SourceFile, position: number): string {
  return `lib/${file.fileName}:${file.getLineAndCharacterOfPosition(position).line + 1}`;
}

/** What a file of lib imports, by whatever way; `to` is a file of lib where it is one, else a package. */
export interface Import {
  from: string;
  to: string;
  place: string;
}

/** The imports of a file. */
export function importsOf(file: ts.SourceFile): Import[] {
  return ts.preProcessFile(file.text, true, true).importedFiles.map(({ fileName, pos }) => ({
    from: file.fileName,
    to: fileName.startsWith('.') ? resolve(file.fileName, fileName) : fileName,
    place: `${place(file, pos)} imports '${fileName}'`,
  }));
}

function resolve(from: string, to: string): string {
  return posix.join(posix.dirname(from), to).replace(/\.js$/, '.ts');
}
