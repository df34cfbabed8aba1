import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createInterface, type Interface } from 'node:readline';
import type { Asked } from './lines.js';

/** Which core a process runs on: the servers share one, the load comes from the other. */
export const CORES = { server: 0, load: 1 };

/** Whether processes can be tied to cores here. */
export const canPin = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

/** How many milliseconds an answer may take. The longest one waited for is a round of load. */
const PATIENCE = 120_000;

/** A process that answers questions (see `lines.ts`). Its first line says that it is ready. */
export class Process<Ready> {
  readonly #lines: AsyncIterator<string>;
  readonly #input: Interface;

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
  ) {
    this.#input = createInterface(child.stdout!);
    this.#lines = this.#input[Symbol.asyncIterator]();
  }

  ready!: Ready;

  static async start<Ready>(
    [command, ...args]: readonly [string, ...string[]],
    { core, env }: { core: number; env?: NodeJS.ProcessEnv },
  ): Promise<Process<Ready>> {
    const pinned = canPin ? ['taskset', '-c', String(core), command] : [command];
    const [program, ...rest] = [...pinned, ...args];
    const child = spawn(program!, rest, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_ENV: 'production', ...env },
    });
    child.stdin.on('error', () => {}); // it has ended: the next answer says so
    const started = new Process<Ready>(child, args.at(-1) ?? command);
    started.ready = await started.#next<Ready>();
    return started;
  }

  async ask<Answer>(question: Asked & Record<string, unknown>): Promise<Answer> {
    this.child.stdin!.write(`${JSON.stringify(question)}\n`);
    return await this.#next<Answer>();
  }

  /** Ends it; it is gone when this resolves. */
  async stop(): Promise<void> {
    const gone = this.child.exitCode === null ? once(this.child, 'exit') : undefined;
    this.child.stdin!.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await gone;
    clearTimeout(timer);
    this.#input.close();
  }

  async #next<Line>(): Promise<Line> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE);
    const { done, value } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    clearTimeout(timer);
    if (done)
      throw new Error(
        `${this.name} has ended, or did not answer in time. What it said on standard error stands above.`,
      );
    return JSON.parse(value) as Line;
  }
}
