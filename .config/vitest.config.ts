import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

export default defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^nestjs-flask-socket$/, replacement: `${root}lib/index.ts` },
      { find: /^nestjs-flask-socket\/emitter$/, replacement: `${root}lib/emitter/index.ts` },
      { find: /^nestjs-flask-socket\/health$/, replacement: `${root}lib/health/index.ts` },
      { find: /^nestjs-flask-socket\/metrics$/, replacement: `${root}lib/metrics/index.ts` },
      { find: /^nestjs-flask-socket\/testing$/, replacement: `${root}lib/testing/index.ts` },
    ],
  },
  test: {
    include: ['test/**/*.spec.ts', 'sample/**/*.spec.ts'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    maxWorkers: 3, // some wait for brokers most of their time
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
