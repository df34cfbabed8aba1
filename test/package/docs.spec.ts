import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../lib/common/errors.js';
import { DEFAULTS } from '../../lib/common/options.js';
import { compile, examplesIn } from '../support/examples.js';
import { publicComments } from '../support/public-comments.js';
import { repositoryFiles, root } from '../support/repository.js';
import { signaturesIn } from '../support/signatures.js';
import { libFiles } from '../support/source.js';

const read = (path: string) => readFileSync(root + path, 'utf8');
const files = repositoryFiles();
const texts = files.filter((path) => path.endsWith('.md'));

describe('docs/reference/errors.md', () => {
  const sections = read('docs/reference/errors.md').split(/^### /m).slice(1);
  const codes = sections.map((section) => section.split('\n', 1)[0]!);

  it('explains every error, and no other', () => {
    expect(codes.toSorted()).toEqual(ERROR_CODES.toSorted());
  });

  it.each(sections.map((section, index) => ({ code: codes[index], section })))(
    'says of $code what happened and what to do',
    ({ section }) => {
      expect(section).toMatch(/^FSK_\w+\n\n\S[^]*\n\n\*\*What to do\.\*\* \S/);
    },
  );

  it('explains only errors that lib throws', () => {
    const library = libFiles().filter((file) => file.fileName !== 'common/errors.ts');
    const isThrown = (code: string) => library.some(({ text }) => text.includes(`'${code}'`));
    expect(ERROR_CODES.filter((code) => !isThrown(code))).toEqual([]);
  });

  it('is where every code that a text names can be looked up', () => {
    const named = texts.flatMap((path) =>
      (read(path).match(/\bFSK_[A-Z_]+[A-Z]\b/g) ?? []).map((code) => ({ path, code })),
    );
    expect(named.filter(({ code }) => !codes.includes(code))).toEqual([]);
  });
});

describe('docs/reference/options.md', () => {
  const rows = [...read('docs/reference/options.md').matchAll(/^\| `(\w+)` *\|.*\| *(.*?) *\|$/gm)];
  const documented = rows.map(([, name]) => name!);

  it('lists every option, and no other', () => {
    expect(documented.toSorted()).toEqual(optionNames().toSorted());
  });

  it.each(Object.entries(DEFAULTS))('names the default of %s', (name, value) => {
    const [, , documentedDefault] = rows.find((row) => row[1] === name)!;
    expect(documentedDefault).toBe(`\`${inspect(value)}\``);
  });
});

describe('every text', () => {
  it.each(texts)('%s links to what is there', (path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  it('would be found out, if it linked to nothing', () => {
    expect(
      brokenLinks('test.md', '[a](lib) [b](nowhere.md) [c](package.json) [d](#e) [f](https://e.org)\n# D'),
    ).toEqual(['nowhere.md', '#e']);
  });
});

describe('every example', { timeout: 120_000 }, () => {
  const examples = [...texts, ...files.filter((path) => /^lib\/.*\.ts$/.test(path))].flatMap((path) =>
    examplesIn(path, read(path)),
  );

  it('is read from the texts and from the comments of lib', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  it('compiles', () => {
    expect(compile(examples)).toEqual([]);
  });

  it('that runs an application without waiting for it compiles in CommonJS, too', () => {
    const running = examples.filter(({ code }) => code.includes('void run('));
    const paths = running.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['README.md', 'docs/getting-started.md']));
    expect(compile(running, 'cts')).toEqual([]);
  });

  it('would be found out, if it waited', () => {
    const [example] = examples.filter(({ code }) => code.includes('void run('));
    const code = example!.code.replace('void run(', 'await run(');
    expect(compile([{ ...example!, code }], 'cts')).toEqual([
      expect.stringMatching(/CommonJS module and cannot use 'await'/),
    ]);
  });

  it('would be found out, if it did not', () => {
    const text = [
      '/**',
      ' * ```ts',
      " * import { emit } from 'nestjs-flask-socket';",
      ' *',
      ' * emit(1);',
      ' * ```',
      ' */',
    ].join('\n');
    expect(compile(examplesIn('lib/a.ts', text))).toEqual([expect.stringMatching(/^lib\/a\.ts:5: .*number/)]);
  });
});

describe('every signature in a table', { timeout: 120_000 }, () => {
  it('compiles as it stands', () => {
    const signatures = texts.flatMap((path) => signaturesIn(path, read(path)));
    expect(signatures.length).toBeGreaterThan(100);
    expect(new Set(signatures.map(({ path }) => path))).toEqual(
      new Set(['README.md', 'docs/from-flask.md', 'docs/testing.md']),
    );
    expect(compile(signatures)).toEqual([]);
  });

  it('would be found out, if it did not', () => {
    const table = [
      '| Flask-SocketIO | here |',
      '| -------------- | ---- |',
      '| `emit(data)` | `emit(data)`, `emit("x", data)` |',
    ];
    expect(compile(signaturesIn('a.md', table.join('\n')))).toEqual([expect.stringMatching(/^a\.md:3: /)]);
  });
});

describe('the comments that users see in their editor', { timeout: 60_000 }, () => {
  const comments = publicComments();
  const pages = comments.flatMap(({ place, text }) =>
    [...text.matchAll(/@see (\S+)/g)].map(([, page]) => ({ place, page: page! })),
  );

  it('are those of all entries, of functions, classes and their members', () => {
    const some = ['common/options.ts', 'context/globals.ts', 'emitter/emitter.ts', 'testing/test-client.ts'];
    const isSeen = (file: string) => comments.some(({ place }) => place.startsWith(`lib/${file}:`));
    expect(some.filter((file) => !isSeen(file))).toEqual([]);
    expect(comments.length).toBeGreaterThan(150);
  });

  it('name no numbers of promises', () => {
    expect(comments.filter(({ text }) => /\bpromises? [A-Z]\d|\bSource: /.test(text))).toEqual([]);
  });

  it('lead to pages and sections that are in the package', () => {
    expect(pages.length).toBeGreaterThan(30);
    expect(pages.filter(({ page }) => !page.startsWith('docs/') || !isThere(page, '', ''))).toEqual([]);
  });
});

function optionNames(): string[] {
  const file = libFiles().find(({ fileName }) => fileName === 'common/options.ts')!;
  const options = file.statements.find(
    (node): node is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(node) && node.name.text === 'FlaskSocketOptions',
  )!;
  return options.members.map((member) => member.name!.getText());
}

function brokenLinks(path: string, text = read(path)): string[] {
  const prose = text.replace(/^```[^]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  return links.filter((link) => !/^[a-z]+:/.test(link) && !isThere(link, path, text));
}

function isThere(link: string, path: string, text: string): boolean {
  const [target, anchor] = link.split('#');
  const file = target ? join(dirname(path), target) : path;
  if (target && !existsSync(root + file)) return false;
  return !anchor || anchorsOf(target ? read(file) : text).includes(anchor);
}

/** The anchors of a text's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = text.match(/(?<=^#+ ).*/gm) ?? [];
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}
