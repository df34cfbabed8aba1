// Runs test suites on NestJS 11, in a copy of the repository: node test/support/nest-11.mjs [specs …]
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SUITES =
  'context errors finding inheritance interceptors parameters pipeline results scopes streams without-server'.split(
    ' ',
  );
const PACKAGES = [
  'common',
  'core',
  'microservices',
  'platform-express',
  'platform-fastify',
  'platform-socket.io',
];
const TOOLS = ['testing', 'websockets', 'terminus', 'jwt', 'passport'];

const root = fileURLToPath(new URL('../..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'nestjs-flask-socket-11-'));

function npmInstall() {
  const packages = [...PACKAGES, ...TOOLS].map((name) => `@nestjs/${name}@^11`);
  const options = [
    '--no-save',
    '--legacy-peer-deps',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
  ];
  execFileSync('npm', ['install', ...options, ...packages], {
    cwd: copy,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

try {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter(Boolean);
  for (const file of files) cpSync(join(root, file), join(copy, file));
  cpSync(join(root, 'node_modules'), join(copy, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  npmInstall();
  const given = process.argv.slice(2);
  const specs = given.length > 0 ? given : SUITES.map((name) => `test/parity/${name}.spec.ts`);
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', '.config/vitest.config.ts', ...specs];
  const { status } = spawnSync(process.execPath, vitest, { cwd: copy, stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
