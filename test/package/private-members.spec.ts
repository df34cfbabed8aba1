import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Program } from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { filesOf, page, PAGE, rangeOf, versions } from '../private-members/page.js';
import { ledger } from '../private-members/ledger.js';
import { callsOf, inside, replace } from '../private-members/private-member.js';
import { manifest } from '../support/manifest.js';
import { privateUses, program, type PrivateUse } from '../support/private-uses.js';
import { root } from '../support/repository.js';

/** What looks private to the compiler, and is not. */
const NOT_PRIVATE: Record<string, string> = {
  'Adapter.peekSession': 'ours: put on the adapter by lib',
  'BaseServer.generateId': 'documented, to be replaced',
  'ClientBase.query': 'replaced for the calls of lib alone',
  'WebSocket._sender.writeBuffer': 'ours: put on the sender by lib',
};

/** Versions with which a range begins, and that there are not. */
const NEVER_PUBLISHED = new Set(['@nestjs/websockets@12.0.0']);

const EXAMPLE = `${root}lib/example.ts`;

const members = ledger.flatMap((each) => each.members);
const known = new Set(members.flatMap(({ member, also = [] }) => [member, ...also]));

describe('the table of private members', () => {
  let uses: PrivateUse[];

  beforeAll(() => {
    const paths = readdirSync(`${root}lib`, { recursive: true, encoding: 'utf8' });
    const sources = paths.filter((path) => path.endsWith('.ts')).map((path) => `${root}lib/${path}`);
    uses = privateUses(program(sources));
  }, 300_000);

  it('names each that lib uses', () => {
    const missing = uses.filter(({ member }) => !known.has(member) && !Object.hasOwn(NOT_PRIVATE, member));
    expect(missing.map(({ member, place }) => `${place} uses ${member}`)).toEqual([]);
  });

  it('names none that lib does not use', () => {
    const found = new Set(uses.map(({ member }) => member));
    const byHand = members
      .filter(({ usedBy }) => usedBy)
      .flatMap(({ member, also = [] }) => [member, ...also]);
    const unused = [...known].filter((member) => !found.has(member) && !byHand.includes(member));
    expect(unused).toEqual([]);
    expect(Object.keys(NOT_PRIVATE).filter((member) => !found.has(member))).toEqual([]);
  });

  it.each(members.filter(({ usedBy }) => usedBy))(
    'names the files that use $member',
    ({ member, usedBy }) => {
      const words = member.split(/\W+/).filter((word) => word.length > 1);
      for (const file of usedBy!) {
        expect(existsSync(root + file), file).toBe(true);
        const text = readFileSync(root + file, 'utf8');
        expect(
          words.some((word) => text.includes(word)),
          `${file} does not speak of ${member}`,
        ).toBe(true);
      }
    },
  );

  it('names each once, and the place of each', () => {
    expect(members.length).toBeGreaterThan(50);
    const where = ledger.flatMap(({ library, members: of }) =>
      of.map(({ member }) => `${library} ${member}`),
    );
    expect(where.length).toBe(new Set(where).size);
    expect(members.filter((member) => filesOf(member, uses).length === 0)).toEqual([]);
  });

  it('is the page in the reference', async () => {
    await expect(await page(uses)).toMatchFileSnapshot(PAGE);
  });
});

describe('what lib uses', () => {
  const USES = `
    import type { Socket, Server, Namespace } from 'socket.io';
    import { WebSocket } from 'ws';
    import { Injector } from '@nestjs/core/injector/injector.js';
    interface Inside { packet(): void; readonly id: string; readonly client: { readonly nsps: object } }
    export const injector = Injector;
    export const inner = (socket: Socket) => socket as unknown as Inside;
    export const handle = (socket: Socket) => (socket as { _gone?: unknown })._gone;
    export const names = (server: Server) => [...server._nsps.keys()];
    export const close = (namespace: Namespace) => { namespace.adapter.close = () => {}; };
    export class Own extends WebSocket { inner = () => this as unknown as { _sender: object }; }
    export const { prototype: { _onclose } } = {} as { prototype: Socket };
  `;
  let checked: Program;

  beforeAll(() => {
    checked = program([], { [EXAMPLE]: USES });
  }, 300_000);

  it('is found: members, modules, and what is put in the place of a method', () => {
    const found = privateUses(checked).filter(({ file }) => file === 'lib/example.ts');
    expect(found.map(({ member }) => member)).toEqual([
      '@nestjs/core/injector/injector.js',
      'Socket.packet',
      'Client.nsps',
      'Socket._gone',
      'Server._nsps',
      'Adapter.close',
      'WebSocket._sender',
      'Socket._onclose',
    ]);
    expect(found[0]!.place).toBe('lib/example.ts:4');
  });

  it('fails by its name when it is gone', () => {
    expect(() => inside({}, '_onclose')).toThrow('there is no _onclose');
    expect(() => callsOf({}, '_onclose')).toThrow('there is no _onclose');
    expect(() => replace({ _onclose: 1 }, '_onclose', () => {})).toThrow('_onclose');
  });
});

describe('the versions that were checked', () => {
  const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const libraries = ledger.map(({ library }) => library).filter((library) => library !== 'node');

  it('are noted for each package of the table', () => {
    expect(Object.keys(versions).toSorted()).toEqual(libraries.toSorted());
  });

  it.each(libraries)('are, of %s, the locked one, and the first that is admitted', (library) => {
    const first = (rangeOf(library) ?? '').match(/\d+\.\d+\.\d+/g) ?? [];
    const there = first.filter((version) => !NEVER_PUBLISHED.has(`${library}@${version}`));
    const locked = packages[`node_modules/${library}`]!.version;
    expect(versions[library], 'run npm run test:versions -- --record').toEqual(
      expect.arrayContaining([locked, ...there]),
    );
  });

  it('are of one minor version where the package brings its own', () => {
    const brought = libraries.filter((library) => library in manifest.dependencies);
    expect(brought).toEqual(expect.arrayContaining(['socket.io', 'socket.io-adapter', 'ws']));
    expect(brought.filter((library) => !rangeOf(library)!.startsWith('~'))).toEqual([]);
  });
});
