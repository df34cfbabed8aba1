/*
 * Checks the package on other versions than those that are locked, in a copy of the repository:
 *   node test/support/version-sets.mjs [--record] [set …] [spec …]
 * Each set walks the table of private members, and runs some of the suites. With `--record`, the versions of sets that
 * pass are noted in test/private-members/versions.json.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const LEDGER = 'test/private-members/ledger.spec.ts';
const VERSIONS = 'test/private-members/versions.json';

const parity = (names) => names.split(' ').map((name) => `test/parity/${name}.spec.ts`);
const NEST_11 = parity(
  'context errors finding inheritance interceptors parameters pipeline results scopes streams without-server',
);
const SMOKE = parity('context errors results');

/** The packages of Nest that go together, and those that have versions of their own. */
const NEST = ['common', 'core', 'microservices', 'platform-express', 'platform-fastify', 'platform-socket.io', 'testing', 'websockets'].map((name) => `@nestjs/${name}`); // prettier-ignore
const NEST_TOOLS = ['terminus', 'jwt', 'passport'].map((name) => `@nestjs/${name}`);

/** What Nest's platform packages bring, and pin. */
const BROUGHT = ['express', 'fastify'];

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const manifest = read(join(root, 'package.json'));
const others = Object.keys(read(join(root, VERSIONS))).filter(
  (name) => !NEST.includes(name) && !BROUGHT.includes(name),
);

const run = promisify(execFile);
const npmView = async (what, field) => JSON.parse((await run('npm', ['view', what, field, '--json'])).stdout);

const byAge = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** The version that a range begins with, as `name@version`. */
async function oldest(name, range) {
  const [first] = [await npmView(`${name}@${range}`, 'version')].flat().toSorted(byAge);
  return `${name}@${first}`;
}

const eachOldest = (names, rangeOf) => Promise.all(names.map((name) => oldest(name, rangeOf(name))));

/** The oldest Nest of a major version that package.json admits. */
async function oldestNest(major) {
  const range = manifest.peerDependencies['@nestjs/core']
    .split(' || ')
    .find((each) => each.startsWith(`^${major}.`));
  return [...(await eachOldest(NEST, () => range)), ...(await eachOldest(NEST_TOOLS, () => `^${major}.0.0`))];
}

/** The oldest of what package.json names, and of what it leaves to socket.io. */
async function oldestOfOthers() {
  const { dependencies, peerDependencies, devDependencies } = manifest;
  const socketIo = await oldest('socket.io', dependencies['socket.io']);
  const brought = await npmView(socketIo, 'dependencies');
  const ranges = { ...brought, ...devDependencies, ...peerDependencies, ...dependencies };
  return eachOldest(others, (name) => ranges[name]);
}

/** What each set installs in place of what is locked, and the suites that it runs beside the table. */
const SETS = {
  newest: {
    packages: () => [...NEST, ...NEST_TOOLS, ...others].map((name) => `${name}@latest`),
    suites: SMOKE,
  },
  'nest-12': { packages: () => oldestNest(12), suites: SMOKE },
  'nest-11': { packages: () => [...NEST, ...NEST_TOOLS].map((name) => `${name}@^11`), suites: NEST_11 },
  oldest: { packages: async () => [...(await oldestNest(11)), ...(await oldestOfOthers())], suites: SMOKE },
};

function copyRepository(copy) {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  const files = listed
    .toString()
    .split('\0')
    .filter((file) => file && existsSync(join(root, file)));
  for (const file of files) cpSync(join(root, file), join(copy, file));
  cpSync(join(root, 'node_modules'), join(copy, 'node_modules'), { recursive: true, verbatimSymlinks: true });
}

function npmInstall(copy, packages) {
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  execFileSync('npm', ['install', '--no-save', '--legacy-peer-deps', ...quiet, ...packages], {
    cwd: copy,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Whether the table and the suites hold on a set. */
async function walk(copy, name, given) {
  const { packages, suites } = SETS[name];
  const wanted = await packages();
  console.log(`\n── ${name}: ${wanted.join(' ')}`);
  npmInstall(copy, wanted);
  const specs = [LEDGER, ...(given.length > 0 ? given : suites)];
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', '.config/vitest.config.ts', ...specs];
  return spawnSync(process.execPath, vitest, { cwd: copy, stdio: 'inherit' }).status === 0;
}

/** Notes the versions that are in the copy, and those that are locked: the usual tests walk them. */
function record(copy) {
  const path = join(root, VERSIONS);
  const known = read(path);
  for (const [name, versions] of Object.entries(known)) {
    const added = [root, copy].map(
      (folder) => read(join(folder, 'node_modules', name, 'package.json')).version,
    );
    known[name] = [...new Set([...versions, ...added])].toSorted(byAge);
  }
  const quoted = (versions) => versions.map((version) => JSON.stringify(version)).join(', ');
  const lines = Object.entries(known).map(
    ([name, versions]) => `  ${JSON.stringify(name)}: [${quoted(versions)}]`,
  );
  writeFileSync(path, `{\n${lines.join(',\n')}\n}\n`);
}

const given = process.argv.slice(2);
const chosen = given.filter((name) => name in SETS);
const specs = given.filter((name) => name.endsWith('.ts'));
const copy = mkdtempSync(join(tmpdir(), 'nestjs-flask-socket-versions-'));
const failed = [];
try {
  copyRepository(copy);
  for (const name of chosen.length > 0 ? chosen : Object.keys(SETS)) {
    const holds = await walk(copy, name, specs);
    if (!holds) failed.push(name);
    else if (given.includes('--record')) record(copy);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
for (const name of failed) console.error(`Failed on other versions: ${name}`);
process.exitCode = failed.length > 0 ? 1 : 0;
