import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/source.js';

const cache = `${root}node_modules/.cache/`; // from here the declarations find what they import

describe('the published types', () => {
  let folder: string;

  beforeAll(() => {
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(`${cache}types-`);
    const { config } = ts.readConfigFile(`${root}lib/tsconfig.json`, ts.sys.readFile) as { config: object };
    const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, `${root}lib`);
    ts.createProgram(fileNames, {
      ...options,
      outDir: folder,
      emitDeclarationOnly: true,
      sourceMap: false,
      inlineSources: false,
    }).emit();
  }, 120_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
