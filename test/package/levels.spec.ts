import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Import, importsOf, libFiles, parse } from '../support/source.js';

/** What lib consists of, from the bottom to the top. */
const levels = [
  ['common'],
  ['context'],
  ['decorators', 'socketio'],
  ['queue'],
  ['emitter', 'handlers'],
  ['messaging'],
  ['sessions'],
  ['dispatch'],
  ['connection'],
  ['workers'],
  ['server'],
  ['flask-socket.module.ts', 'testing', 'health', 'metrics', 'cli'],
  ['index.ts'],
];
/** The folders within a part, from the bottom to the top; '' are the files that stand beside them. */
const rooms: Record<string, string[][]> = {
  queue: [[''], ['postgres', 'redis'], ['flask-socketio']],
  connection: [['limits'], ['recovery'], ['']],
  server: [['processes'], [''], ['run']],
};
const withoutNest = ['common', 'queue', 'emitter'];

/** The folder at the top of lib, or the file that stands there: `server/listener.ts` is in `server`. */
const part = (path: string) => path.split('/', 1)[0]!;
const level = (path: string) => levels.findIndex((names) => names.includes(part(path)));
const room = (path: string) => path.split('/').slice(1, -1).join('/');
const floor = (path: string) =>
  (rooms[part(path)] ?? [['']]).findIndex((names) => names.includes(room(path)));
/** Loads each back end when it is asked for. */
const loadsLazily = (path: string) => path === 'queue/back-ends.ts';
const isOurs = (path: string) => path.endsWith('.ts');
/** Packages that an application may do without, and the one part that needs each. */
const optional: Record<string, string> = { '@nestjs/terminus': 'health', 'prom-client': 'metrics' };
const isNest = (path: string) => path.startsWith('@nestjs/');

interface Rule {
  rule: string;
  isBrokenBy: (imported: Import) => boolean;
  /** A file that breaks the rule. */
  example: [path: string, text: string];
}

const rules: Rule[] = [
  {
    rule: 'every part of lib has its level',
    isBrokenBy: ({ from, to }) => level(from) < 0 || (isOurs(to) && level(to) < 0),
    example: ['common/a.ts', `import '../utils/b.js'`],
  },
  {
    rule: 'an import points downward',
    isBrokenBy: ({ from, to }) => isOurs(to) && level(from) < level(to),
    example: ['common/a.ts', `import type { B } from '../context/b.js'`],
  },
  {
    rule: 'the parts of one level do not know each other',
    isBrokenBy: ({ from, to }) => isOurs(to) && level(from) === level(to) && part(from) !== part(to),
    example: ['handlers/a.ts', `const { b } = await import('../emitter/b.js')`],
  },
  {
    rule: 'every folder within a part has its level',
    isBrokenBy: ({ from, to }) => floor(from) < 0 || (isOurs(to) && floor(to) < 0),
    example: ['server/a.ts', `import './utils/b.js'`],
  },
  {
    rule: 'an import within a part points downward',
    isBrokenBy: ({ from, to }) => part(from) === part(to) && floor(from) < floor(to) && !loadsLazily(from),
    example: ['server/processes/a.ts', `import { b } from '../run/b.js'`],
  },
  {
    rule: 'the folders of one level within a part do not know each other',
    isBrokenBy: ({ from, to }) =>
      part(from) === part(to) && floor(from) === floor(to) && room(from) !== room(to),
    example: ['queue/redis/a.ts', `import { b } from '../postgres/b.js'`],
  },
  {
    rule: 'nothing inside imports an entry',
    isBrokenBy: ({ to }) => to === 'nestjs-flask-socket' || posix.basename(to) === 'index.ts',
    example: ['testing/a.ts', `export { b } from './index.js'`],
  },
  {
    rule: `${withoutNest.join(', ')} know no Nest`,
    isBrokenBy: ({ from, to }) => withoutNest.includes(part(from)) && isNest(to),
    example: ['emitter/a.ts', `let a: import('@nestjs/common').Type`],
  },
  {
    rule: 'what an application may do without is imported only where it is needed',
    isBrokenBy: ({ from, to }) => to in optional && optional[to] !== part(from),
    example: ['server/a.ts', `import type { Registry } from 'prom-client'`],
  },
];

describe('the levels of lib', () => {
  const imports = libFiles().flatMap(importsOf);

  it('are read from its imports', () => {
    expect(imports.length).toBeGreaterThan(0);
  });

  describe.each(rules)('$rule', ({ isBrokenBy, example }) => {
    it('holds in lib', () => {
      expect(imports.filter(isBrokenBy).map((broken) => broken.place)).toEqual([]);
    });

    it('is seen when it is broken', () => {
      expect(importsOf(parse(...example)).filter(isBrokenBy)).toHaveLength(1);
    });
  });

  describe('no file imports itself, by whatever way', () => {
    it('holds in lib', () => {
      expect(cycles(imports)).toEqual([]);
    });

    it('is seen when it is broken', () => {
      const files = [
        parse('server/a.ts', `import { b } from './b.js'`),
        parse('server/b.ts', `import type { C } from './c.js'`),
        parse('server/c.ts', `import { b } from './b.js'`),
      ];
      expect(cycles(files.flatMap(importsOf))).toEqual(['server/b.ts → server/c.ts → server/b.ts']);
    });
  });

  describe('deep imports from Nest stand in one file', () => {
    it('holds in lib', () => {
      expect(deepImportsInFurtherFiles(imports)).toEqual([]);
    });

    it('is seen when it is broken', () => {
      const files = ['a', 'b'].map((name) => parse(`server/${name}.ts`, `import '@nestjs/core/${name}.js'`));
      const seen = deepImportsInFurtherFiles(files.flatMap(importsOf));
      expect(seen).toEqual([`lib/server/b.ts:1 imports '@nestjs/core/b.js'`]);
    });
  });
});

function deepImportsInFurtherFiles(imports: Import[]): string[] {
  const deep = imports.filter(({ to }) => /^@nestjs\/[^/]+\//.test(to));
  return deep.filter(({ from }) => from !== deep[0]!.from).map((imported) => imported.place);
}

/** Every cycle once, written from its first file by name. */
function cycles(imports: Import[]): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, trail: string[]) => {
    if (trail.includes(path)) found.add(writeCycle(trail.slice(trail.indexOf(path))));
    if (done.has(path)) return;
    done.add(path);
    for (const { to } of imports.filter(({ from }) => from === path)) visit(to, [...trail, path]);
  };
  for (const { from } of imports) visit(from, []);
  return [...found];
}

function writeCycle(files: string[]): string {
  const first = files.indexOf(files.toSorted()[0]!);
  const ordered = [...files.slice(first), ...files.slice(0, first)];
  return [...ordered, ordered[0]].join(' → ');
}
