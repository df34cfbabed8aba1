// The table "Promises and their tests" of docs/from-flask.md. Its words are written by hand, its last column is
// counted: node test/support/parity-table.mjs writes it anew.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = `${root}docs/from-flask.md`;
const heading = '## Promises and their tests';
const absent = 'not in this version';

/** The promises: their numbers, and whether this version has them. */
export function promises(text = readFileSync(`${root}docs/reference/promises.md`, 'utf8')) {
  return [...text.matchAll(/^- \*\*([A-Z]\d+)\*\* (.*)$/gm)].map(([, id, words]) => ({
    id,
    isBuilt: !words.startsWith('**Not in this version'),
  }));
}

/** The numbers with which a title begins: `E3 E4 replies …`. */
export function numbersOf(title) {
  const [numbers = ''] = /^(?:[A-Z]\d+ )+/.exec(title) ?? [];
  return numbers.trim().split(' ').filter(Boolean);
}

/** The titles of the tests and groups in a source. */
export function titlesIn(path, text) {
  const titles = [];
  const visit = (node) => {
    if (ts.isCallExpression(node) && isTest(node.expression)) titles.push(...titleOf(node.arguments[0]));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return titles;
}

/** `it(…)`, `describe.skipIf(…)(…)`, `it.each(…)(…)`. */
function isTest(callee) {
  if (ts.isIdentifier(callee)) return ['it', 'test', 'describe'].includes(callee.text);
  return (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) && isTest(callee.expression);
}

function titleOf(argument) {
  if (argument && ts.isStringLiteralLike(argument)) return [argument.text];
  return argument && ts.isTemplateExpression(argument) ? [argument.head.text] : [];
}

/** The specs that name each number: `Map { 'E1' => ['test/parity/sending.spec.ts'] }`. */
export function namedBy() {
  const named = new Map();
  const isSpec = (path) => path.endsWith('.spec.ts') || /^contract\/suite\.\w+\.ts$/.test(path);
  const paths = readdirSync(`${root}test`, { recursive: true }).filter(isSpec);
  for (const path of paths.toSorted()) {
    const titles = titlesIn(path, readFileSync(`${root}test/${path}`, 'utf8'));
    for (const number of new Set(titles.flatMap(numbersOf))) {
      named.set(number, [...(named.get(number) ?? []), `test/${path}`]);
    }
  }
  return named;
}

/** The rows that stand in the page: number → what Flask says, and what is said here. */
export function rows(text = readFileSync(page, 'utf8')) {
  const table = text
    .slice(text.indexOf(heading))
    .split('\n')
    .filter((line) => /^\| [A-Z]\d+ /.test(line));
  return new Map(
    table.map((line) => {
      const [, id, flask, here, tests] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      return [id, { flask, here, tests }];
    }),
  );
}

/** The last column of a promise. */
export function testsCell({ isBuilt }, paths = []) {
  if (paths.length === 0) return isBuilt ? '' : absent;
  const links = paths.map(
    (path) =>
      `[${path
        .split('/')
        .at(-1)
        .replace(/(\.spec)?\.ts$/, '')}](../${path})`,
  );
  return [...links, ...(isBuilt ? [] : [absent])].join(', ');
}

/** The page as it should be. */
export async function updated() {
  const text = readFileSync(page, 'utf8');
  const [before, after] = text.split(heading);
  const words = rows(text);
  const named = namedBy();
  const lines = promises().map((promise) => {
    const { flask = '', here = '' } = words.get(promise.id) ?? {};
    return `| ${[promise.id, flask, here, testsCell(promise, named.get(promise.id))].join(' | ')} |`;
  });
  const introduction = after.slice(0, after.search(/^\|/m));
  const rest = after.slice(after.lastIndexOf('\n|')).replace(/^\n\|.*/, '');
  const table = ['| Promise | Flask-SocketIO | here | Tests |', '| --- | --- | --- | --- |', ...lines].join(
    '\n',
  );
  const whole = `${before}${heading}${introduction}${table}${rest}`;
  return format(whole, { ...(await resolveConfig(page)), filepath: page });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, await updated());
