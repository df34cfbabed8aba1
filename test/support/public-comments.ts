import ts from 'typescript';
import { root } from './repository.js';

const ENTRIES = ['index', 'emitter/index', 'health/index', 'metrics/index', 'testing/index'];

/** A doc comment that users see in their editor. */
export interface PublicComment {
  /** The file and line in lib. */
  place: string;
  text: string;
}

/** The doc comments of what users can import, members included. What is `@internal` they do not see. */
export function publicComments(): PublicComment[] {
  const { config } = ts.readConfigFile(`${root}lib/tsconfig.json`, ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, `${root}lib`);
  const program = ts.createProgram(
    ENTRIES.map((entry) => `${root}lib/${entry}.ts`),
    options,
  );
  const checker = program.getTypeChecker();
  const entries = ENTRIES.map((entry) => program.getSourceFile(`${root}lib/${entry}.ts`)!);
  const symbols = entries.flatMap((file) => checker.getExportsOfModule(checker.getSymbolAtLocation(file)!));
  const declarations = symbols.flatMap((symbol) => declarationsOf(checker, symbol));
  return [...new Set(declarations)].filter(isOurs).flatMap(commentsOf);
}

function declarationsOf(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Node[] {
  const original = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return (original.declarations ?? []).map((node) =>
    ts.isVariableDeclaration(node) ? node.parent.parent : node,
  );
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.startsWith(`${root}lib/`);
}

function commentsOf(node: ts.Node): PublicComment[] {
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  if (comments.some((comment) => comment.getText().includes('@internal'))) return [];
  const members = ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) ? [...node.members] : [];
  return [...comments.map(printed), ...members.flatMap(commentsOf)];
}

function printed(comment: ts.JSDoc): PublicComment {
  const file = comment.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(comment.getStart());
  return { place: `${file.fileName.slice(root.length)}:${line + 1}`, text: comment.getText() };
}
