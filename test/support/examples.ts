import { resolve } from 'node:path';
import ts from 'typescript';
import { root } from './repository.js';

/** A block of TypeScript in a text, or in a comment of a source. */
export interface Example {
  /** The file that holds it, from the root of the repository. */
  path: string;
  /** The line of that file with its first line, counted from 0. */
  line: number;
  code: string;
}

/** Those blocks marked as `ts` that use the package: others are excerpts that cannot stand alone. */
export function examplesIn(path: string, text: string): Example[] {
  const blocks = text.matchAll(/^(?<margin> *(?:\* )?)```ts\n(?<code>[^]*?)^ *(?:\* )?```$/gm);
  return [...blocks]
    .map(({ index, groups }) => ({
      path,
      line: text.slice(0, index).split('\n').length,
      code: groups!.code!.replace(/^ *\* ?/gm, ''),
    }))
    .filter(({ code }) => /from 'nestjs-flask-socket/.test(code));
}

/** What the compiler says about them, each as a file at the root of the repository: `README.md:12: …`. */
export function compile(examples: Example[], extension: 'ts' | 'cts' = 'ts'): string[] {
  const files = new Map(examples.map((example, index) => [`${root}example-${index}.${extension}`, example]));
  const options = exampleOptions();
  const program = ts.createProgram([...files.keys()], options, hostWith(files, options));
  return [...files].flatMap(([name, example]) => {
    const file = program.getSourceFile(name)!;
    const errors = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return errors.map(({ start, messageText }) => {
      const line = example.line + file.getLineAndCharacterOfPosition(start!).line + 1;
      return `${example.path}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  });
}

function exampleOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  return { ...options, noUnusedLocals: false, noUnusedParameters: false };
}

/** What all examples import, parsed once for all programs: they have the same options. */
const parsed = new Map<string, ts.SourceFile | undefined>();

function hostWith(files: Map<string, Example>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options, true);
  const codeOf = (name: string) => files.get(resolve(name))?.code;
  return {
    ...host,
    fileExists: (name) => codeOf(name) !== undefined || host.fileExists(name),
    readFile: (name) => codeOf(name) ?? host.readFile(name),
    getSourceFile: (name, version) => {
      const code = codeOf(name);
      if (code !== undefined) return ts.createSourceFile(name, code, version, true);
      if (!parsed.has(name)) parsed.set(name, host.getSourceFile(name, version));
      return parsed.get(name);
    },
  };
}
