import { relative } from 'node:path';
import ts from 'typescript';
import { root } from './repository.js';

/** A place in lib that relies on what a package does not promise. */
export interface PrivateUse {
  /** `Socket._onclose`, or the path of a module: `@nestjs/core/injector/injector.js`. */
  member: string;
  /** `lib/socketio/socket-internals.ts` */
  file: string;
  /** `lib/socketio/socket-internals.ts:12`, for the message of a failed test. */
  place: string;
}

/** Files of lib, with the types of what they import. `texts` are files that need not exist, by their paths. */
export function program(paths: readonly string[], texts: Readonly<Record<string, string>> = {}): ts.Program {
  const { config } = ts.readConfigFile(`${root}lib/tsconfig.json`, (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, `${root}lib`);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.fileExists = (path) => path in texts || fileExists(path);
  host.readFile = (path) => texts[path] ?? readFile(path);
  return ts.createProgram([...paths, ...Object.keys(texts)], { ...options, noEmit: true }, host);
}

/** What the files of lib in a program rely on, each member once for each file. */
export function privateUses(checked: ts.Program): PrivateUse[] {
  const files = checked.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${root}lib/`));
  const scan = new Scan(checked.getTypeChecker());
  for (const file of files) scan.noteModules(file);
  return files.flatMap((file) => scan.usesIn(file));
}

const { Private, Protected } = ts.ModifierFlags;

const fileOf = (node: ts.Node) => node.getSourceFile().fileName;
const isOurs = (node: ts.Node) => !fileOf(node).includes('/node_modules/');
const isNodes = (node: ts.Node) => /\/node_modules\/(@types\/node|typescript)\//.test(fileOf(node));
/** `@nestjs/core/injector/injector.js`: a file inside of a package, and not what its name alone brings. */
const isInside = (module: string) => /^(?:@[^/]+\/[^/]+|[^@./:][^/:]*)\/.+\.js$/.test(module);

class Scan {
  /** The files of packages that are imported by their paths: all that they declare is private to the package. */
  readonly #inside = new Set<string>();

  constructor(private readonly checker: ts.TypeChecker) {}

  noteModules(file: ts.SourceFile): void {
    for (const specifier of file.statements.flatMap(insideModule)) {
      const declared = this.checker.getSymbolAtLocation(specifier)?.valueDeclaration;
      if (declared) this.#inside.add(fileOf(declared));
    }
  }

  usesIn(file: ts.SourceFile): PrivateUse[] {
    const path = relative(root, file.fileName);
    const found = new Map<string, ts.Node>();
    const visit = (node: ts.Node): void => {
      for (const member of this.#membersAt(node)) if (!found.has(member)) found.set(member, node);
      node.forEachChild(visit);
    };
    visit(file);
    return [...found].map(([member, node]) => ({ member, file: path, place: `${path}:${lineOf(node)}` }));
  }

  #membersAt(node: ts.Node): string[] {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node))
      return insideModule(node).map(({ text }) => text);
    if (ts.isAsExpression(node)) return this.#cast(node);
    if (ts.isPropertyAccessExpression(node)) return this.#read(this.checker.getSymbolAtLocation(node.name));
    if (ts.isBindingElement(node)) return this.#destructured(node);
    return ts.isBinaryExpression(node) ? this.#assigned(node) : [];
  }

  /** `socket as unknown as Internals`: what the type of ours says, and that of the package does not. */
  #cast({ expression, type }: ts.AsExpression): string[] {
    const isDouble = ts.isAsExpression(expression) && expression.type.kind === ts.SyntaxKind.UnknownKeyword;
    const source = this.#ofPackage(this.#typeOf(isDouble ? expression.expression : expression));
    if (!source) return [];
    const members = this.#beyond(this.checker.getTypeFromTypeNode(type), source);
    const isNodesOwn = source.getSymbol()?.declarations?.some(isNodes);
    return isNodesOwn ? members.filter((member) => /[._]_/.test(member)) : members;
  }

  /** The members of a type of ours that another type does not have, or not for users, and theirs. */
  #beyond(type: ts.Type, source: ts.Type | undefined, path = ''): string[] {
    if (path.split('.').length > 5) return [];
    const [entry, theirEntry] = [type, source].map((each) => this.#nonNullable(each?.getStringIndexType()));
    const below = entry ? this.#beyond(entry, theirEntry, path) : [];
    const properties = type.getProperties().filter((property) => property.declarations?.some(isShape));
    return properties.reduce((members, property) => {
      const theirs = source?.getProperty(property.name);
      const owner = theirs ? undefined : source?.getSymbol()?.name;
      const member =
        theirs || !path || owner ? memberName(theirs ?? property, owner) : `${path}.${property.name}`;
      const [inner, within] = [property, theirs].map((each) => each && this.#typeOfSymbol(each));
      const own = theirs && !isPrivate(theirs) ? [] : [member];
      return [...members, ...own, ...this.#beyond(inner!, within, member)];
    }, below);
  }

  #read(symbol: ts.Symbol | undefined): string[] {
    const declaration = symbol?.declarations?.[0];
    if (!symbol || !declaration || isOurs(declaration) || isNodes(declaration)) return [];
    const isHidden = isPrivate(symbol) || this.#inside.has(fileOf(declaration));
    return isHidden ? [memberName(symbol)] : [];
  }

  #destructured({ parent, propertyName, name }: ts.BindingElement): string[] {
    const key = propertyName ?? name;
    if (!ts.isObjectBindingPattern(parent) || !ts.isIdentifier(key)) return [];
    return this.#read(this.checker.getTypeAtLocation(parent).getProperty(key.text));
  }

  /** `adapter.close = …`: that the package itself calls what is put there is promised nowhere. */
  #assigned({ left, operatorToken }: ts.BinaryExpression): string[] {
    if (operatorToken.kind !== ts.SyntaxKind.EqualsToken || !ts.isPropertyAccessExpression(left)) return [];
    const symbol = this.checker.getSymbolAtLocation(left.name);
    const declaration = symbol?.declarations?.[0];
    if (!symbol || !declaration || isOurs(declaration) || isNodes(declaration)) return [];
    return this.#typeOfSymbol(symbol).getCallSignatures().length > 0 ? [memberName(symbol)] : [];
  }

  /** The type if a package declares it; of a class of ours, the one of a package that it extends. */
  #ofPackage(type: ts.Type): ts.Type | undefined {
    const symbol = type.getSymbol();
    if (symbol?.declarations?.some((each) => !isOurs(each))) return type;
    const bases = symbol && this.checker.getDeclaredTypeOfSymbol(symbol).getBaseTypes();
    return bases?.map((base) => this.#ofPackage(base)).find(Boolean);
  }

  #typeOf(node: ts.Node): ts.Type {
    const type = this.checker.getTypeAtLocation(node);
    return this.checker.getNonNullableType(this.checker.getApparentType(type));
  }

  #typeOfSymbol(symbol: ts.Symbol): ts.Type {
    return this.#nonNullable(this.checker.getTypeOfSymbol(symbol))!;
  }

  #nonNullable(type: ts.Type | undefined): ts.Type | undefined {
    return type && this.checker.getNonNullableType(type);
  }
}

/** The module that a statement takes from inside a package. */
function insideModule(statement: ts.Statement): ts.StringLiteral[] {
  if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
  const { moduleSpecifier } = statement;
  const isFound = moduleSpecifier && ts.isStringLiteral(moduleSpecifier) && isInside(moduleSpecifier.text);
  return isFound ? [moduleSpecifier] : [];
}

/** A property of an interface or a type of lib: what a class of ours has is ours. */
function isShape(declaration: ts.Declaration): boolean {
  if (!isOurs(declaration) || ts.isClassLike(declaration.parent) || ts.isParameter(declaration)) return false;
  const { name } = declaration as ts.NamedDeclaration;
  return name !== undefined && ts.isIdentifier(name);
}

/** What is not for users, as the modifiers of TypeScript, a tag or an underscore say. */
function isPrivate(symbol: ts.Symbol): boolean {
  const tags = symbol.getJsDocTags().map(({ name }) => name);
  return (
    symbol.name.startsWith('_') ||
    tags.some((tag) => ['private', 'protected', 'internal'].includes(tag)) ||
    (symbol.declarations ?? []).some(
      (each) => (ts.getCombinedModifierFlags(each) & (Private | Protected)) !== 0,
    )
  );
}

/** `Socket._onclose`: what has the member is named as its package names it. */
function memberName(symbol: ts.Symbol, owner?: string): string {
  const { parent } = symbol as ts.Symbol & { parent?: ts.Symbol }; // the compiler's types keep it to themselves
  return `${owner ?? parent?.name ?? ''}.${symbol.name}`;
}

function lineOf(node: ts.Node): number {
  return node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1;
}
