import ts from 'typescript';
import { expect, it } from 'vitest';
import { root } from '../support/source.js';

it.each(['right.ts', 'wrong.ts'])(
  'K5 K1 A1 keys of the session, once for HTTP and for sockets, of g, and the user are declared: %s',
  { timeout: 60_000 },
  (name) => expect(complaintsAbout(`${root}test/types/sessions/`, name)).toEqual([]),
);

it('A1 the user that passport’s types know need not be declared again', { timeout: 60_000 }, () => {
  expect(complaintsAbout(`${root}test/types/passport/`, 'right.ts')).toEqual([]);
});

function complaintsAbout(folder: string, name: string) {
  const { config } = ts.readConfigFile(`${folder}tsconfig.json`, ts.sys.readFile) as { config: object };
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  const program = ts.createProgram(fileNames, options);
  const complaints = program.getSemanticDiagnostics(program.getSourceFile(folder + name));
  return complaints.map(({ messageText }) => messageText);
}
