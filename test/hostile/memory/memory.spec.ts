import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { compiled, type Compiled } from '../../support/compiled.js';
import { root } from '../../support/repository.js';
import { pollingLife, webSocketLife } from './lives.js';
import type { Left } from './main.js';

/*
 * Lives of clients with connectionStateRecovery, and what is left of them when none can come back any more; as many as
 * the environment says: LIVES=30000 npx vitest run --config .config/vitest.config.ts test/hostile/memory
 */
const LIVES = Number(process.env['LIVES'] ?? 1_500);

/** How long a client may be away, in milliseconds: short, so that all of them are past it soon. */
const WINDOW = 500;
const AT_ONCE = 20;
const MEGABYTE = 2 ** 20;
const PATIENCE = 120_000 + LIVES * 20;

let program: Compiled;
beforeAll(() => {
  program = compiled(`${root}test/hostile/memory/main.ts`);
});
afterAll(() => program.remove());

interface Kind {
  title: string;
  life: (url: string, number: number) => Promise<void>;
  share: number;
  comesBack: boolean;
}

/** Every third client comes back once. */
const overWebSocket =
  (namespaceOf: (number: number) => string): Kind['life'] =>
  (url, number) =>
    webSocketLife(url, namespaceOf(number), number % 3 === 0);

const kinds: Kind[] = [
  { title: 'in the main namespace', life: overWebSocket(() => '/'), share: 1, comesBack: true },
  {
    title: 'in namespaces of a pattern',
    life: overWebSocket((number) => `/job/${number}`),
    share: 1,
    comesBack: true,
  },
  {
    title: 'over polling',
    life: (url, number) => pollingLife(url, number % 2 ? '/' : `/job/${number}`),
    share: 1 / 3,
    comesBack: false,
  },
];

describe('memory', () => {
  it.each(kinds)(
    'N4 clients that cannot come back any more leave nothing, $title',
    async ({ title, life, share, comesBack }) => {
      const application = await Application.start();
      const lives = Math.round(LIVES * share);
      await application.lives(life, { from: 0, to: Math.min(lives, 1_000) });
      const before = await application.empty();
      await application.lives(life, { from: 1e6, to: 1e6 + lives });
      const after = await application.empty();
      const growth = (after.heap - before.heap) / MEGABYTE;
      console.log(`${lives} lives ${title}: ${growth.toFixed(2)} MB more, ${after.returned} came back`);
      expect(after.returned > 0).toBe(comesBack);
      expect(growth).toBeLessThan(Math.max(1, lives / 10_000));
    },
    PATIENCE,
  );
});

/** The application, in a process of its own, whose memory nothing else uses. */
class Application {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {}

  static async start(): Promise<Application> {
    const child = fork(program.main, [String(WINDOW)], { execArgv: ['--expose-gc'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [url] = (await once(child, 'message')) as [string];
    return new Application(child, url);
  }

  /** So many lives, some at the same time. */
  async lives(life: Kind['life'], { from, to }: { from: number; to: number }): Promise<void> {
    let next = from;
    const oneAfterAnother = async () => {
      while (next < to) await life(this.url, next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, oneAfterAnother));
  }

  /** What is in use when nothing is left of any client, which has to be some time. */
  async empty(): Promise<Left> {
    let left!: Left;
    await vi.waitFor(
      async () => {
        left = await this.#left();
        const { alive, namespaces, clients, rooms } = left;
        if (alive + clients + rooms > 0 || namespaces > 1) throw new Error(`left: ${JSON.stringify(left)}`);
      },
      { timeout: 20_000, interval: 200 },
    );
    return left;
  }

  async #left(): Promise<Left> {
    this.child.send('left');
    const [left] = (await once(this.child, 'message')) as [Left];
    return left;
  }
}
