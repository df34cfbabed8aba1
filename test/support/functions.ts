import ts from 'typescript';
import { place } from './source.js';

/** What the budgets count of a function. */
export interface MeasuredFunction {
  /** `server/listener.ts#Listener.close` */
  name: string;
  isNamed: boolean;
  where: string;
  lines: number;
  parameters: number;
  nesting: number;
}

/** Every function of the file that has a body, those within others too. */
export function functions(file: ts.SourceFile): MeasuredFunction[] {
  return [...walk(file)].filter(isFunction).map((node) => {
    const name = nameOf(node);
    const line = (position: number) => file.getLineAndCharacterOfPosition(position).line;
    return {
      name: `${file.fileName}#${name}`,
      isNamed: name !== undefined,
      where: `${place(file, node.getStart())} ${name ?? 'a function'}`,
      lines: line(node.getEnd()) - line(node.getStart()) + 1,
      parameters: node.parameters.filter((parameter) => parameter.name.getText() !== 'this').length,
      nesting: nestingIn(node.body),
    };
  });
}

/** The node and everything below it. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* walk(child);
}

type FunctionWithBody = ts.FunctionLikeDeclaration & { body: ts.ConciseBody };

function isFunction(node: ts.Node): node is FunctionWithBody {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

function nameOf(node: ts.Node): string | undefined {
  if (ts.isConstructorDeclaration(node)) return `${nameOf(node.parent)}.constructor`;
  const own = ts.getNameOfDeclaration(node as ts.Declaration)?.getText();
  return own && ts.isClassElement(node) ? `${nameOf(node.parent)}.${own}` : own;
}

/** How deep blocks stand in each other. A function within counts for itself. */
function nestingIn(node: ts.Node): number {
  let deepest = 0;
  ts.forEachChild(node, (child) => {
    if (isFunction(child)) return;
    deepest = Math.max(deepest, nestingIn(child) + (opensBlock(child) ? 1 : 0));
  });
  return deepest;
}

function opensBlock(node: ts.Node): boolean {
  if (ts.isIfStatement(node)) return !(ts.isIfStatement(node.parent) && node.parent.elseStatement === node);
  return ts.isIterationStatement(node, false) || ts.isSwitchStatement(node) || ts.isTryStatement(node);
}
