import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { functions, walk } from '../support/functions.js';
import { entries } from '../support/manifest.js';
import { root } from '../support/repository.js';
import { libFiles, parse, place } from '../support/source.js';

const budget = {
  file: { max: 250 },
  function: { median: 8, max: 40 },
  parameters: 3,
  nesting: 2,
};

/** Functions that may have more parameters, with the reason why they cannot take an object. */
const mayHaveMoreParameters: Record<string, string> = {
  'server/flask-socket.runtime.ts#FlaskSocketRuntime.constructor': 'dependency injection is by parameter',
};

/** What a module or a class keeps, with the reason why nobody else can. */
const mayKeep: Record<string, string> = {
  'testing/tested-app.ts##apps': 'an application is all that a test has; what is known of it goes with it',
};

/** Where a prototype is altered, with the reason why there is no other way. */
const mayAlter: Record<string, string> = {
  'server/flask-socket.adapter.ts':
    'Nest makes one object of the class for each method, where nobody can reach it',
};

interface Rule {
  rule: string;
  /** The places in the file that break the rule. */
  breaks: (file: ts.SourceFile) => string[];
  /** A text that breaks it once. */
  example: string;
}

const rules: Rule[] = [
  {
    rule: `a file has at most ${budget.file.max} lines`,
    breaks: (file) => (lines(file) > budget.file.max ? [`lib/${file.fileName}: ${lines(file)} lines`] : []),
    example: '\n'.repeat(251),
  },
  {
    rule: `a function has at most ${budget.function.max} lines`,
    breaks: (file) =>
      functions(file)
        .filter((measured) => measured.lines > budget.function.max)
        .map((measured) => `${measured.where}: ${measured.lines} lines`),
    example: `const a = { b() {${'\n'.repeat(40)}} }`,
  },
  {
    rule: `a function has at most ${budget.parameters} parameters`,
    breaks: (file) =>
      withManyParameters(file)
        .filter(({ name }) => !Object.hasOwn(mayHaveMoreParameters, name))
        .map(({ where, parameters }) => `${where}: ${parameters} parameters`),
    example: 'class A { constructor(a: 1, b: 2, c: 3, d: 4) {} }',
  },
  {
    rule: `blocks are nested at most ${budget.nesting} deep`,
    breaks: (file) =>
      functions(file)
        .filter(({ nesting }) => nesting > budget.nesting)
        .map(({ where, nesting }) => `${where}: ${nesting} deep`),
    example:
      'function a() { try {} catch { for (;;) { if (1) {} else if (2) { b(() => { if (3) {} }); } } } }',
  },
  {
    rule: 'nothing is any',
    breaks: (file) =>
      [...walk(file)]
        .filter((node) => node.kind === ts.SyntaxKind.AnyKeyword)
        .map((node) => place(file, node.getStart())),
    example: 'let a: Promise<any>',
  },
  {
    rule: 'no error of the compiler is ignored',
    breaks: (file) => linesWhere(file, (line) => /@ts-(ignore|nocheck)/.test(line)),
    example: '// @ts-ignore: a reason changes nothing',
  },
  {
    rule: 'a suppression has its reason in a comment beside or above it',
    breaks: (file) => linesWhere(file, (line, above) => suppression.test(line) && !hasReason(line, above)),
    example: `
      // Socket.IO declares it private.
      const a = b as unknown as C;
      const d = e as unknown as F; // The same.
      const g = h as unknown as I;
      // oxlint-disable-next-line no-new, no-var -- The constructor registers itself.
      // @ts-expect-error Socket.IO declares it private.
    `,
  },
  {
    rule: 'no module has state',
    breaks: (file) =>
      kept(file)
        .filter(({ name }) => !Object.hasOwn(mayKeep, name))
        .map(({ where }) => where),
    example: `
      const A: ReadonlyMap<string, number> = new Map([['a', 1]]);
      const B = ['b'];
      class C { readonly #d = new Map(); }
      const e = new WeakMap<object, number>();
    `,
  },
  {
    rule: 'no prototype is altered',
    breaks: (file) => (Object.hasOwn(mayAlter, file.fileName) ? [] : alteredPrototypes(file)),
    example: `
      const { prototype } = A;
      prototype.b.call(1);
      Object.defineProperty(A.prototype, 'b', {});
    `,
  },
];

describe('the budgets of lib', () => {
  const files = libFiles();
  const named = files.flatMap(functions).filter(({ isNamed }) => isNamed);

  it('are measured on its files and functions', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(named.length).toBeGreaterThan(0);
  });

  describe.each(rules)('$rule', ({ breaks, example }) => {
    it('holds in lib', () => {
      expect(files.flatMap(breaks)).toEqual([]);
    });

    it('is seen when it is broken', () => {
      expect(breaks(parse('server/a.ts', example))).toHaveLength(1);
    });
  });

  it('keep no exemption that nothing needs', () => {
    const needed = files.flatMap(withManyParameters).map(({ name }) => name);
    expect(Object.keys(mayHaveMoreParameters).filter((name) => !needed.includes(name))).toEqual([]);
    const state = files.flatMap(kept).map(({ name }) => name);
    expect(Object.keys(mayKeep).filter((name) => !state.includes(name))).toEqual([]);
    const altering = files.filter((file) => alteredPrototypes(file).length > 0).map((file) => file.fileName);
    expect(Object.keys(mayAlter).filter((name) => !altering.includes(name))).toEqual([]);
  });

  it(`half of the functions that have a name have at most ${budget.function.median} lines`, () => {
    expect(median(named.map((measured) => measured.lines))).toBeLessThanOrEqual(budget.function.median);
  });

  it('everything that users can import is documented', { timeout: 60_000 }, () => {
    expect(undocumentedExports()).toEqual([]);
  });
});

const suppression = /@ts-expect-error|(?:ox|es)lint-disable|\bas unknown as\b/;
const directive = /@ts-expect-error|oxlint-disable\S*(?:\s+[^-\s]\S*)*/;

function hasReason(line: string, above: string): boolean {
  const beside = /\/[/*](.*)/.exec(line)?.[1] ?? '';
  const stands = (comment: string) => /^\s*\/[/*]/.test(comment) && !suppression.test(comment);
  return /\w/.test(beside.replace(directive, '')) || stands(above);
}

function linesWhere(file: ts.SourceFile, isMeant: (line: string, above: string) => boolean): string[] {
  const text = file.text.split('\n');
  return text.flatMap((line, index) =>
    isMeant(line, text[index - 1] ?? '') ? [`lib/${file.fileName}:${index + 1}: ${line.trim()}`] : [],
  );
}

function lines(file: ts.SourceFile): number {
  return file.text.replace(/\n$/, '').split('\n').length;
}

function withManyParameters(file: ts.SourceFile) {
  return functions(file).filter(({ parameters }) => parameters > budget.parameters);
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function undocumentedExports(): string[] {
  const program = libProgram();
  const checker = program.getTypeChecker();
  return entries.flatMap(({ name, source }) => {
    const entry = checker.getSymbolAtLocation(program.getSourceFile(root + source)!)!;
    return checker
      .getExportsOfModule(entry)
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
      .filter((symbol) => isDeclaredInLib(symbol) && symbol.getDocumentationComment(checker).length === 0)
      .map((symbol) => `${symbol.name} of '${name}'`);
  });
}

function libProgram(): ts.Program {
  const { config } = ts.readConfigFile(`${root}lib/tsconfig.json`, ts.sys.readFile);
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, `${root}lib`);
  return ts.createProgram(fileNames, options);
}

function isDeclaredInLib(symbol: ts.Symbol): boolean {
  return (
    symbol.declarations?.some((node) => node.getSourceFile().fileName.startsWith(`${root}lib/`)) ?? false
  );
}

/** What outlives the calls of a module: variables, and collections that can grow, also as static parts of a class. */
function kept(file: ts.SourceFile): { name: string; where: string }[] {
  const variables = file.statements
    .filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations)
    .filter((each) => (each.parent.flags & ts.NodeFlags.Const) === 0 || canGrow(each));
  const statics = [...walk(file)]
    .filter(ts.isPropertyDeclaration)
    .filter((each) => each.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword))
    .filter(canGrow);
  return [...variables, ...statics].map((each) => ({
    name: `${file.fileName}#${each.name.getText()}`,
    where: place(file, each.getStart()),
  }));
}

function canGrow({ type, initializer }: ts.VariableDeclaration | ts.PropertyDeclaration): boolean {
  if (!initializer || type?.getText().startsWith('Readonly') || type?.getText().startsWith('readonly'))
    return false;
  const isEmpty = ts.isArrayLiteralExpression(initializer) && initializer.elements.length === 0;
  return isEmpty || /^new (Weak)?(Map|Set)\b/.test(initializer.getText());
}

/** Assignments to a part of a prototype, and definitions of one. */
function alteredPrototypes(file: ts.SourceFile): string[] {
  const altering =
    /^((Object|Reflect)\.(defineProperty|set|assign)\(\s*)([\w.]+\.)?prototype,|^([\w.]+\.)?prototype(\.\w+|\[[^\]]+\]) = /;
  return [...walk(file)]
    .filter((node) => ts.isCallExpression(node) || ts.isBinaryExpression(node))
    .filter((node) => altering.test(node.getText()))
    .map((node) => place(file, node.getStart()));
}
