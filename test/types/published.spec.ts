import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isBuilt } from '../support/compiled.js';
import { root } from '../support/repository.js';

describe('the published types', () => {
  let folder = `${root}dist`;

  beforeAll(() => {
    if (!isBuilt()) folder = emitted();
  }, 120_000);

  afterAll(() => {
    if (folder !== `${root}dist`) rmSync(folder, { recursive: true, force: true });
  });

  it('E9 compile in an application for ES2021 that checks its libraries', { timeout: 120_000 }, () => {
    const entries = ['index', 'emitter/index', 'health/index', 'metrics/index', 'testing/index'];
    const program = ts.createProgram(
      entries.map((entry) => `${folder}/${entry}.d.ts`),
      {
        target: ts.ScriptTarget.ES2021,
        lib: ['lib.es2021.d.ts'],
        module: ts.ModuleKind.NodeNext,
        strict: true,
        skipLibCheck: false,
        noEmit: true,
        types: ['node'],
        typeRoots: [`${root}node_modules/@types`],
      },
    );

    const complaints = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      return `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });

    expect({
      files: entries.filter((entry) => !program.getSourceFile(`${folder}/${entry}.d.ts`)),
      complaints,
    }).toEqual({
      files: [],
      complaints: [],
    });
  });
});

/** The declarations of lib as it stands, in a folder from which they find what they import. */
function emitted(): string {
  const cache = `${root}node_modules/.cache/`;
  mkdirSync(cache, { recursive: true });
  const outDir = mkdtempSync(`${cache}types-`);
  const { config } = ts.readConfigFile(`${root}lib/tsconfig.json`, ts.sys.readFile) as { config: object };
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, `${root}lib`);
  const declarations = { outDir, emitDeclarationOnly: true, sourceMap: false, inlineSources: false };
  ts.createProgram(fileNames, { ...options, ...declarations }).emit();
  return outDir;
}
