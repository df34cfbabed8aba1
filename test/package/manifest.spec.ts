import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { entries, isAtLeast, manifest } from '../support/manifest.js';
import { repositoryFiles, root } from '../support/repository.js';

describe('package.json', () => {
  it('R1 names the supported versions of Node', () => {
    expect(manifest.engines).toEqual({ node: '^20.19.0 || ^22.12.0 || >=24.0.0' });
  });

  it('R1 takes NestJS 11 and 12 from the application', () => {
    const nest = Object.entries(manifest.peerDependencies).filter(([name]) => name.startsWith('@nestjs/'));
    const together = ['common', 'core', 'platform-socket.io', 'websockets'].map((name) => `@nestjs/${name}`);
    expect(Object.fromEntries(nest)).toEqual({
      ...Object.fromEntries(together.map((name) => [name, '^11.1.7 || ^12.0.0'])),
      '@nestjs/terminus': '^11.0.0 || ^12.0.0', // it has versions of its own
    });
  });

  it('takes from the application what must be there once', () => {
    const once = ['reflect-metadata', 'rxjs', '@nestjs/websockets', '@nestjs/platform-socket.io'];
    expect(Object.keys(manifest.peerDependencies)).toEqual(expect.arrayContaining(once));
    expect(Object.keys(manifest.dependencies).filter((name) => name in manifest.peerDependencies)).toEqual(
      [],
    );
  });

  // As a peer, npm would take the newest one, and lay a second copy beside the one that Nest's platform package pins.
  it('takes the very copy of Socket.IO that the platform package of Nest brings', () => {
    const platform = readJson('node_modules/@nestjs/platform-socket.io/package.json') as typeof manifest;
    const { 'socket.io': range } = manifest.dependencies;
    expect(range).toBe('~4.8.3');
    expect(isAtLeast(platform.dependencies['socket.io']!, range!.slice(1))).toBe(true);
    expect(manifest.peerDependencies).not.toHaveProperty(['socket.io']);
  });

  it('is an ES module without side effects', () => {
    expect(manifest).toMatchObject({ type: 'module', sideEffects: false });
  });

  it('publishes samples that are numbered without a gap', () => {
    const numbers = readdirSync(`${root}sample`).flatMap((name) => /^(\d+)-/.exec(name)?.slice(1) ?? []);
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers.toSorted()).toEqual(numbers.map((_, index) => `${index + 1}`.padStart(2, '0')));
  });

  it('publishes the built library, its documentation, its samples and its history', () => {
    const texts = ['CHANGELOG.md', 'CONTRIBUTING.md'];
    expect(manifest.files).toEqual(['dist', 'docs', 'sample', '!sample/**/*.spec.ts', ...texts]);
    expect(manifest.exports['./package.json']).toBe('./package.json');
  });

  it('R1 is found by applications whose compiler does not read exports', () => {
    const [main, ...others] = entries;
    const types = others.map(({ name, target }) => [name.slice('./'.length), [target.types]]);
    expect(manifest).toMatchObject({ main: main!.target.default, types: main!.target.types });
    expect(manifest.typesVersions).toEqual({ '*': Object.fromEntries(types) });
  });

  it.each(entries)('names the types of $name before its code', ({ target, source }) => {
    for (const place of [target, target.require, target['module-sync']]) {
      expect(Object.keys(place).slice(-2)).toEqual(['types', 'default']);
      expect(place.types).toBe(place.default.replace(/\.js$/, '.d.ts'));
    }
    expect(existsSync(root + source), source).toBe(true);
  });

  it.each(entries)('R1 gives Node one copy of $name, whether it is imported or required', ({ target }) => {
    expect(Object.keys(target)).toEqual(['module-sync', 'require', 'types', 'default']);
    expect(target['module-sync'].default).toBe(target.default);
    expect(target.require.default).toBe(target.default.replace('./dist/', './dist/cjs/'));
  });
});

describe('package-lock.json', () => {
  const { packages } = readJson('package-lock.json') as { packages: Record<string, LockedPackage> };

  // What these repaired reached every server that is open to strangers.
  it.each([
    ['socket.io', '4.8.3'],
    ['engine.io', '6.6.12'],
    ['socket.io-parser', '4.2.7'],
    ['ws', '8.23.0'],
  ])('resolves %s to %s or later', (name, minimum) => {
    const { version } = packages[`node_modules/${name}`]!;
    expect(isAtLeast(version, minimum), `${name} is ${version}`).toBe(true);
  });

  // `npm ci` refuses it otherwise. npm leaves out what its registry does not have yet.
  it('holds the parts that its packages have for other platforms', () => {
    const locked = Object.keys(packages);
    const parts = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    const isLocked = (name: string) => locked.some((path) => path.endsWith(`node_modules/${name}`));
    expect(parts.filter((name) => !isLocked(name))).toEqual([]);
  });

  it('sees an older version', () => {
    expect(isAtLeast('4.2.6', '4.2.7')).toBe(false);
    expect(isAtLeast('6.6.9', '6.6.12')).toBe(false);
    expect(isAtLeast('10.0.0', '9.9.9')).toBe(true);
  });
});

describe('the repository', () => {
  const files = repositoryFiles();

  it('has at its top only what belongs there', () => {
    const folders = 'lib sample test docs bench'.split(' ');
    const texts = 'README.md CHANGELOG.md CONTRIBUTING.md LICENSE'.split(' ');
    const settings = 'package.json package-lock.json tsconfig.json nest-cli.json'.split(' ');
    const permitted = new Set([...folders, ...texts, ...settings]);

    const top = new Set(files.map((path) => path.split('/', 1)[0]!));
    expect([...top].filter((name) => !name.startsWith('.') && !permitted.has(name))).toEqual([]);
  });

  // The brackets, and the codes in the examples, keep this file from being found itself.
  describe.each([
    {
      what: 'a package registry',
      pattern: /registry\.(npm|yarn)|[_]authToken|"resolved": "https?:|^\s*registry\s*=/i,
      example: '"resolved": "https\x3a//example.com/ws.tgz"',
    },
    {
      what: 'a folder of one machine',
      pattern: /(?<![\w.~*)}\]-])\/(?:work|root|tmp|home|Users)\/[\w.]/,
      example: 'cd \x2froot/app',
    },
    {
      what: 'an author who is none',
      pattern:
        /\b(cl[a]ude|anthr[o]pic|chatg[p]t|cod[e]x|copil[o]t|language m[o]del|AI[- ](gener|wr)[a-z]+|c[o]-authored-by)\b/i,
      example: 'C\x6f-authored-by: somebody',
    },
  ])('names nowhere $what', ({ pattern, example }) => {
    it('in its files', () => {
      const lines = files.flatMap((path) => linesOf(path).map((line, index) => ({ path, line, index })));
      const found = lines.filter(({ line }) => pattern.test(line));
      expect(found.map(({ path, line, index }) => `${path}:${index + 1}: ${line.trim()}`)).toEqual([]);
    });

    it('and would be found out', () => {
      expect(example).toMatch(pattern);
    });
  });
});

interface LockedPackage {
  version: string;
  optionalDependencies?: Record<string, string>;
}

function linesOf(path: string): string[] {
  const content = readFileSync(root + path);
  return content.includes(0) ? [] : content.toString().split('\n');
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(root + path, 'utf8'));
}
