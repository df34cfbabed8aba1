import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { compiled, type Compiled } from '../../support/compiled.js';
import { root } from '../../support/repository.js';
import type { Report } from './polite.js';
import type { Figures, Order, ServerSettings } from './server.js';

export const MEGABYTE = 2 ** 20;

/** A server in a process of its own, and polite clients in another: what an attack costs is measured in both. */
export class Arena {
  #orders = 0;

  private constructor(
    private readonly programs: Programs,
    private readonly server: ChildProcess,
    readonly url: string,
    /** What the server has written: its log, and a crash, if there was one. */
    readonly output: { text: string },
  ) {}

  static async start(programs: Programs, settings: Partial<ServerSettings> = {}): Promise<Arena> {
    const given = JSON.stringify({ kind: 'ours', options: {}, leaks: false, ...settings });
    const server = fork(programs.server, [given], { execArgv: ['--expose-gc'], silent: true });
    const output = { text: '' };
    for (const stream of [server.stdout!, server.stderr!])
      stream.on('data', (text: Buffer) => (output.text += text.toString()));
    onTestFinished(() => void server.kill('SIGKILL'));
    const [{ url }] = (await once(server, 'message')) as [{ url: string }];
    return new Arena(programs, server, url, output);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Whether the server's process lives. */
  get isAlive(): boolean {
    return this.server.exitCode === null && this.server.signalCode === null;
  }

  /** What the server tells of itself, after garbage collection. */
  figures(): Promise<Figures> {
    return this.#order({ do: 'figures' });
  }

  /** Sends text of so many bytes to all clients, so often; resolves after the last time. */
  broadcast(order: Omit<Order & { do: 'broadcast' }, 'do'>): Promise<void> {
    return this.#order({ do: 'broadcast', ...order });
  }

  /** Polite clients, half of them polling, that ask again and again. */
  async polite(clients = 10, interval = 10): Promise<Polite> {
    const child = fork(this.programs.polite, [this.url, String(clients), String(interval)]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'message');
    return new Polite(child);
  }

  #order<Result>(order: Order): Promise<Result> {
    const id = ++this.#orders;
    return new Promise((resolve, reject) => {
      const answered = (answer: { id: number; result: Result }) => {
        if (answer.id !== id) return;
        this.server.off('message', answered);
        this.server.off('exit', ended);
        resolve(answer.result);
      };
      const ended = () => reject(new Error(`The server has ended:\n${this.output.text.slice(-4_000)}`));
      this.server.on('message', answered).once('exit', ended);
      this.server.send({ ...order, id });
    });
  }
}

/** The polite clients of an arena. */
export class Polite {
  constructor(private readonly child: ChildProcess) {}

  /** How long they have waited since the last report. */
  async report(): Promise<Report> {
    this.child.send('report');
    const [report] = (await once(this.child, 'message')) as [Report];
    return report;
  }
}

/** The compiled programs of an arena. */
export interface Programs {
  server: string;
  polite: string;
}

/** Compiles the programs for the tests of a file. */
export function arenaPrograms(): Programs {
  const programs: Programs = { server: '', polite: '' };
  const made: Compiled[] = [];
  beforeAll(() => {
    const server = compiled(`${root}test/hostile/arena/server.ts`);
    made.push(server);
    programs.server = server.main;
    programs.polite = server.main.replace('server.js', 'polite.js');
  });
  afterAll(() => {
    for (const program of made) program.remove();
  });
  return programs;
}

/** Writes a figure of the scorecard. */
export function note(row: number, text: string, values: Record<string, number>): void {
  const shown = Object.entries(values).map(([name, value]) => `${name} ${Math.round(value * 100) / 100}`);
  console.info(`row ${row}: ${text}: ${shown.join(', ')}`);
}
