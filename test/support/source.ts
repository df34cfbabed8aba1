import { readdirSync, readFileSync } from 'node:fs';
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
