import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DecoderTarget } from './decoder-target.js';
import { fuzz, partsOf, report, watched, type Fixture, type Target } from './fuzzer.js';
import { CLUSTER, QueueTarget } from './queue-target.js';

/** The guards of lib that a test takes out, by the file that has them. */
const out = vi.hoisted(() => ({ guard: '' }));
afterEach(() => void (out.guard = ''));

vi.mock('../../../lib/common/payload.js', async (original) => {
  const real = await original<typeof import('../../../lib/common/payload.js')>();
  type Check = typeof real.payloadProblem;
  const payloadProblem: Check = (...given) =>
    out.guard === 'payload' ? undefined : real.payloadProblem(...given);
  return { ...real, payloadProblem };
});

vi.mock('../../../lib/queue/cluster-message.js', async (original) => {
  const real = await original<typeof import('../../../lib/queue/cluster-message.js')>();
  type Check = typeof real.checkClusterMessage;
  const checkClusterMessage: Check = (message) =>
    out.guard === 'messages' ? (message as ReturnType<Check>) : real.checkClusterMessage(message);
  return { ...real, checkClusterMessage };
});

vi.mock('../../../lib/common/prototype-keys.js', async (original) => {
  const real = await original<typeof import('../../../lib/common/prototype-keys.js')>();
  const dropProto = (data: unknown) => out.guard !== 'keys' && real.dropProto(data);
  const protoAsKey = (data: unknown) => void (out.guard === 'keys' || real.protoAsKey(data));
  return { ...real, dropProto, protoAsKey };
});

const msgpack = () => DecoderTarget.start('msgpack');
const decoder = () => DecoderTarget.start('default');
async function queue() {
  const target = new QueueTarget(CLUSTER);
  onTestFinished(() => target.close());
  return target;
}

const GUARDS: [guard: string, start: () => Promise<Target>, shown: RegExp][] = [
  ['payload', decoder, /^(depth|keys|arguments): /],
  ['keys', decoder, /^__proto__: /],
  ['keys', msgpack, /^prototype: /],
  ['messages', queue, /^(uncaught|closes|reserved|deaf): /],
];

describe('without a guard of lib', () => {
  it.each(GUARDS)(
    '%s: the mistake is found, cut down and kept',
    { timeout: 120_000 },
    async (guard, start, shown) => {
      const target = await start();
      out.guard = guard;
      const { found } = await fuzz(target, { seed: 1, seconds: 30 });
      const fixture = JSON.parse(/\{[^]*\}$/.exec(report(target, found!))![0]) as Fixture;
      const again = await watched(target, partsOf(fixture));
      out.guard = '';
      const guarded = await watched(target, partsOf(fixture));

      expect([found?.wrong, again, guarded]).toEqual([expect.stringMatching(shown), expect.stringMatching(shown), undefined]); // prettier-ignore
    },
  );

  it('the same seed makes the same cases', { timeout: 120_000 }, async () => {
    const target = await queue();
    out.guard = 'messages';
    const [first, second] = [
      await fuzz(target, { seed: 3, seconds: 30 }),
      await fuzz(target, { seed: 3, seconds: 30 }),
    ];

    expect([first.cases, second.found]).toEqual([second.cases, first.found]);
  });
});
