import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/repository.js';

const folder = `${root}test/types/typed/`;

/** The folder, which declares its events, as a program of its own. */
function compiled(): ts.Program {
  const { config } = ts.readConfigFile(`${folder}tsconfig.json`, ts.sys.readFile) as { config: object };
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  return ts.createProgram(fileNames, options);
}

/** What the compiler has to say about a file. */
function complaintsAbout(program: ts.Program, name: string): string[] {
  const file = program.getSourceFile(folder + name);
  if (!file) throw new Error(`${name} is not part of the program`);
  return program.getSemanticDiagnostics(file).map(({ start = 0, messageText }) => {
    const line = file.getLineAndCharacterOfPosition(start).line + 1;
    return `${name}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

describe('events that are declared once', () => {
  let program: ts.Program;

  beforeAll(() => {
    program = compiled();
  });

  it('E9 let right names and payloads compile', { timeout: 60_000 }, () => {
    expect(complaintsAbout(program, 'right.ts')).toEqual([]);
  });

  it('E9 let no wrong name or payload compile', { timeout: 60_000 }, () => {
    expect(complaintsAbout(program, 'wrong.ts')).toEqual([]);
  });

  it('E9 Q3 let right names and payloads of the test client compile', { timeout: 60_000 }, () => {
    expect(complaintsAbout(program, 'test-client.right.ts')).toEqual([]);
  });

  it('E9 Q3 let no wrong name or payload of the test client compile', { timeout: 60_000 }, () => {
    expect(complaintsAbout(program, 'test-client.wrong.ts')).toEqual([]);
  });

  it('E9 O1 let right names and payloads of an emitter compile', { timeout: 60_000 }, () => {
    expect(complaintsAbout(program, 'emitter.right.ts')).toEqual([]);
  });

  it('E9 O1 O2 let no wrong name, payload or callback of an emitter compile', { timeout: 60_000 }, () => {
    expect(complaintsAbout(program, 'emitter.wrong.ts')).toEqual([]);
  });
});
