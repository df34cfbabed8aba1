import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { redisBroker, type Broker } from '../../support/brokers.js';
import { compiled, type Compiled } from '../../support/compiled.js';
import { DIALECTS, optionsFor, RawClient, TYPE, type Dialect } from '../../support/raw-client.js';
import { root } from '../../support/repository.js';
import { have } from '../../support/system-packages.mjs';
import { SEED, SHARE } from './fuzzer.js';
import { Dice, Grammar } from './grammar.js';

/* Packets that a grammar makes, to real processes over the network. How long and by which seed: CONTRIBUTING.md. */

const SOON = { timeout: 60_000, interval: 20 };
const WORKERS = 2;
const CLIENTS = 16;
const PACKETS = 25;

/** What a process would say of an error that nobody has caught. */
const CRASH =
  /Uncaught|unhandled|triggerUncaughtException|Another one is started|heap out of memory|FATAL|The logger did not/i;

let program: Compiled;
let redis: Broker;
beforeAll(async () => {
  program = compiled(`${root}test/hostile/fuzz/main.ts`);
  redis = await redisBroker();
  if (have('redis-server')) await redis.start();
});
afterAll(async () => {
  program.remove();
  await redis.stop();
});

/** One process of the application, or one with its workers. */
class Target {
  output = '';

  constructor(readonly child: ChildProcess) {
    const keep = (text: Buffer) => (this.output += text.toString());
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);
    onTestFinished(() => void child.kill('SIGKILL'));
  }

  static async start(options: { workers?: number }): Promise<Target> {
    const target = new Target(spawn(process.execPath, [program.main, JSON.stringify(options)]));
    const expected = options.workers ?? 1;
    await vi.waitUntil(() => target.output.match(/^found at/gm)?.length === expected, SOON);
    return target;
  }

  get port(): number {
    return Number(/^found at \S+:(\d+)/m.exec(this.output)?.[1]);
  }

  /** The lines that tell of a crash; none, if all is well. */
  get crashes(): string[] {
    const { exitCode, signalCode } = this.child;
    const ended = exitCode === null && signalCode === null ? [] : [`ended: ${exitCode ?? signalCode}`];
    return [...ended, ...this.output.split('\n').filter((line) => CRASH.test(line))];
  }

  /** What a client is answered that means no harm. */
  async answer(dialect: Dialect): Promise<unknown> {
    const client = await RawClient.connect(this.port, dialect);
    client.send({ type: TYPE.event, nsp: '/', data: ['sid'], id: 1 });
    const [sid] = await client.dataOf(1);
    client.socket.terminate();
    return typeof sid;
  }
}

/** One client's life: it connects, says what the grammar makes, and ends in some way. */
async function live(
  { port }: Target,
  dialect: Dialect,
  { dice, sids }: { dice: Dice; sids: string[] },
): Promise<void> {
  const grammar = new Grammar(dice, sids);
  const client = await RawClient.open(port, dialect).catch(() => undefined);
  if (!client) return;
  client.heard = ({ type, nsp, data, id }) => {
    if (type === TYPE.event && id !== undefined) grammar.questions.push({ type, nsp, id });
    if (type === TYPE.connect && sids.length < 20)
      sids.push(String((data as { sid?: string } | undefined)?.sid));
  };
  const isAskedFor = dialect !== 'protocol 3' && !dice.once(20);
  if (isAskedFor) client.trySend({ type: TYPE.connect, nsp: '/', data: {} }, (part) => part);
  for (let count = 0; count < PACKETS; count++) {
    client.trySend(grammar.packet(), (part) => grammar.damaged(part));
    if (dice.once(3)) await delay(dice.below(4)); // time for questions
  }
  if (dice.once(2)) client.socket.close();
  else await delay(dice.below(20));
  client.socket.terminate();
  if (dice.once(2)) sids.shift();
}

const WORLDS: [string, (options: object) => Promise<Target[]>, boolean][] = [
  ['one process', async (options) => [await Target.start(options)], true],
  ['workers', async (options) => [await Target.start({ ...options, workers: WORKERS })], true],
  [
    'two processes and Redis',
    (options) =>
      Promise.all([0, 1].map(() => Target.start({ ...options, messageQueue: redis.url } as object))),
    have('redis-server'),
  ],
];

describe.each(WORLDS)('%s', (_, start, isThere) => {
  const share = SHARE * 1_000;

  it.skipIf(!isThere).each(DIALECTS)(
    `goes on under anything that clients of %s send (seed ${SEED})`,
    { timeout: 120_000 + share * 2 },
    async (dialect) => {
      const { serializer } = optionsFor(dialect);
      const targets = await start({ serializer });
      const shared = { dice: new Dice(SEED), sids: [] };
      const end = Date.now() + share;

      do {
        const lives = Array.from({ length: CLIENTS }, (__, index) =>
          live(targets[index % targets.length]!, dialect, shared),
        );
        await Promise.all(lives);
      } while (Date.now() < end && targets.every(({ crashes }) => crashes.length === 0));
      const crashes = targets.flatMap((target) => target.crashes);
      const answers =
        crashes.length > 0 ? [] : await Promise.all(targets.map((target) => target.answer(dialect)));

      expect({ crashes, answers }).toEqual({ crashes: [], answers: targets.map(() => 'string') });
    },
  );
});
