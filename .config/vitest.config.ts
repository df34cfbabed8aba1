import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What takes minutes: begun first, it runs beside all others. */
const LONG = ['contract/back-ends/', 'package/install', 'e2e/workers', 'e2e/demo', 'contract/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = LONG.findIndex((name) => moduleId.includes(name));
      return index === -1 ? LONG.length : index;
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
    include: ['test/**/*.spec.ts', 'sample/**/*.spec.ts'],
    setupFiles: ['test/support/setup.ts'],
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    maxWorkers: 3, // those that wait for brokers leave the cores to others
    testTimeout: 40_000,
    hookTimeout: 120_000,
  },
});
