import ts from 'typescript';
import { expect, it } from 'vitest';
import { root } from '../support/repository.js';

it.each(['right.ts', 'wrong.ts'])(
  'K5 K1 A1 keys of the session, once for HTTP and for sockets, of g, and the user are declared: %s',
  { timeout: 60_000 },
  (name) => expect(complaintsAbout(`${root}test/types/sessions/`, name)).toEqual([]),
);

it('A1 the user that passport’s types know need not be declared again', { timeout: 60_000 }, () => {
  expect(complaintsAbout(`${root}test/types/passport/`, 'right.ts')).toEqual([]);
});

const programs = new Map<string, ts.Program>();

function complaintsAbout(folder: string, name: string) {
  const program = programs.get(folder) ?? programOf(folder);
  programs.set(folder, program);
  const complaints = program.getSemanticDiagnostics(program.getSourceFile(folder + name));
  return complaints.map(({ messageText }) => messageText);
}

function programOf(folder: string): ts.Program {
  const { config } = ts.readConfigFile(`${folder}tsconfig.json`, ts.sys.readFile) as { config: object };
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  return ts.createProgram(fileNames, options);
}
