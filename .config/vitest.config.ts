import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What takes minutes: begun first, it runs beside all others. */
const LONG = ['package/install', 'e2e/workers', 'contract/back-ends/', 'e2e/demo', 'contract/'];

/**
 * The spec files that share processes, one after the other, so that Nest is loaded once for many of them. Each of the
 * others has a process of its own: performance.spec.ts counts what its process does, passport keeps for good what
 * login.spec.ts tells it, and most of the rest spend their time in compilers, brokers and child processes.
 */
const TOGETHER = ['test/{unit,parity,raw-server}/**/*.spec.ts'];

const ALL = ['test/**/*.spec.ts', 'sample/**/*.spec.ts'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // A process goes on while the next file is one of those that run together, so they stand in a row.
    const place = ({ moduleId, project }: TestSpecification) => {
      const index = LONG.findIndex((name) => moduleId.includes(name));
      if (index !== -1) return index;
      return project.config.isolate ? LONG.length + 1 : LONG.length;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- it is a sequencer's, and no array's
    const usual = await super.sort(files);
    return usual.toSorted((a, b) => place(a) - place(b));
  }
}

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
    setupFiles: ['test/support/setup.ts'],
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    projects: [
      { extends: true, test: { name: 'together', include: TOGETHER, isolate: false } },
      { extends: true, test: { name: 'alone', include: ALL, exclude: TOGETHER } },
    ],
    maxWorkers: 3, // those that wait for brokers leave the cores to others
    testTimeout: 40_000,
    hookTimeout: 120_000,
  },
});
