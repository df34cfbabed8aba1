import ts from 'typescript';
import { expect, it } from 'vitest';
import { root } from '../support/source.js';

const folder = `${root}test/types/sessions/`;

it.each(['right.ts', 'wrong.ts'])(
  'K5 the session’s keys are declared once, for HTTP and for sockets: %s',
  { timeout: 60_000 },
  (name) => {
    const { config } = ts.readConfigFile(`${folder}tsconfig.json`, ts.sys.readFile) as { config: object };
    const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
    const program = ts.createProgram(fileNames, options);

    const complaints = program.getSemanticDiagnostics(program.getSourceFile(folder + name));

    expect(complaints.map(({ messageText }) => messageText)).toEqual([]);
  },
);
