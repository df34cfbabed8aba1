import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Election, ELECTION_TIMEOUT, LEASE } from '../../../lib/queue/election.js';
import type { ElectionTransport, ElectionMessage } from '../../../lib/queue/election-transport.js';

/** A process, and what is wrong with its connection. */
class Process {
  readonly log: string[] = [];
  readonly election: Election;
  leave = () => {};
  isUp = true;
  /** What it says is lost; what is said to it is. */
  isMute = false;
  isDeaf = false;
  /** On which side of a broker that is parted. */
  side = 0;

  constructor(readonly id: string) {
    const keep = (line: string) => void this.log.push(line);
    this.election = new Election('clock', { log: keep, warn: keep, error: keep });
  }

  get leads(): boolean {
    return this.election.isLeader;
  }
}

/** Processes on a broker that is made of timers. */
class World {
  readonly processes: Process[] = [];
  /** How long a word takes, in milliseconds. */
  delay: (from: Process, to: Process) => number = () => 1;
  isLost: (from: Process, to: Process) => boolean = () => false;
  /** The most that led at once, as often as it was looked. */
  most = 0;
  readonly said: ElectionMessage[] = [];

  /** A process that takes part from now on. */
  join(id: string): Process {
    const process = new Process(id);
    const fleet: ElectionTransport = {
      id,
      get isConnected() {
        return process.isUp;
      },
      publish: (word) => this.carry(process, word),
      subscribe: () => {},
    };
    this.processes.push(process);
    process.election.useTransport(fleet);
    process.leave = process.election.join();
    return process;
  }

  carry(from: Process, word: ElectionMessage): void {
    this.said.push(word);
    if (!from.isUp || from.isMute) return;
    for (const to of this.processes.filter((process) => !this.isLost(from, process)))
      setTimeout(
        () => {
          if (to.isUp && !to.isDeaf && to.side === from.side) to.election.receive(word);
        },
        this.delay(from, to),
      );
  }

  /** It dies: what it believes is of no interest any more. */
  kill(process: Process): void {
    this.processes.splice(this.processes.indexOf(process), 1);
    process.isMute = true;
    process.election.close();
  }

  get leaders(): Process[] {
    return this.processes.filter(({ leads }) => leads);
  }

  pass(milliseconds: number): void {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      vi.advanceTimersByTime(10);
      this.most = Math.max(this.most, this.leaders.length);
    }
  }

  /** Time passes until somebody leads; in milliseconds. */
  untilLed(within = 20_000): number {
    const began = performance.now();
    while (this.leaders.length === 0 && performance.now() - began < within) this.pass(10);
    return performance.now() - began;
  }
}

const never = new AbortController().signal;

describe('the election of a leader', () => {
  let world: World;

  beforeEach(() => {
    vi.useFakeTimers();
    world = new World();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  /** Three processes, the leader first. */
  function fleet(): [Process, Process, Process] {
    const all = ['b', 'a', 'c'].map((id) => world.join(id));
    world.untilLed();
    world.pass(1_000);
    const [leader] = world.leaders;
    return [leader!, ...all.filter((process) => process !== leader)] as [Process, Process, Process];
  }

  it('Q4 a process without a message queue leads at once', () => {
    const election = new Election('clock', console);
    election.join();
    const before = election.isLeader;
    election.useTransport('none');
    expect([before, election.isLeader]).toEqual([false, true]);
  });

  it('Q4 one of several leads, within seconds, and goes on leading', () => {
    const [leader] = fleet();
    world.pass(600_000);
    expect([world.leaders, world.most]).toEqual([[leader], 1]);
    expect(leader.log).toEqual(['This process leads "clock".']);
  });

  it('Q4 one that comes late does not disturb the leader', () => {
    const [leader] = fleet();
    world.join('0');
    world.pass(60_000);
    expect([world.leaders, world.most]).toEqual([[leader], 1]);
  });

  it('Q4 who does not take part never leads', () => {
    const idle = new Election('clock', console);
    idle.useTransport('none');
    expect(idle.isLeader).toBe(false);
  });

  it('Q4 another one leads within a second when the leader leaves', async () => {
    const [leader] = fleet();
    const reign = await leader.election.leadership(never);
    leader.leave();
    expect([leader.leads, reign.aborted]).toEqual([false, true]);
    expect(world.untilLed()).toBeLessThan(1_000);
    world.pass(10_000);
    expect([world.leaders.includes(leader), world.most]).toEqual([false, 1]);
  });

  it('Q4 a leader that is asked for twice leaves when both have left', () => {
    const [leader] = fleet();
    const leave = leader.election.join();
    leader.leave();
    leader.leave();
    expect(leader.leads).toBe(true);
    leave();
    expect(leader.leads).toBe(false);
  });

  it('Q4 one that left may come back', () => {
    const [leader, one, two] = fleet();
    one.leave();
    two.leave();
    leader.leave();
    world.pass(10_000);
    expect(world.leaders).toEqual([]);
    two.leave = two.election.join();
    world.pass(10_000);
    leader.leave = leader.election.join();
    world.pass(10_000);
    expect([world.leaders, world.most]).toEqual([[two], 1]);
  });

  it('Q4 another one leads within six seconds when the leader has died', () => {
    const [leader] = fleet();
    world.kill(leader);
    expect(world.untilLed()).toBeLessThan(6_000);
    world.pass(10_000);
    expect(world.most).toBe(1);
  });

  it.each(['isMute', 'isDeaf'] as const)(
    'Q4 a leader whose words are lost (%s) ends before another one begins',
    async (fault) => {
      const [leader] = fleet();
      const reign = await leader.election.leadership(never);
      leader[fault] = true;
      world.pass(LEASE + 300);
      expect([leader.leads, reign.aborted]).toEqual([false, true]);
      expect(leader.log.at(-1)).toMatch(/leads "clock" no longer: it hung, or the message queue did/);
      world.pass(10_000);
      expect([world.leaders.length, world.leaders.includes(leader), world.most]).toEqual([1, false, 1]);
    },
  );

  it('Q4 a short trouble does not change the leader', () => {
    const [leader] = fleet();
    leader.isMute = true;
    world.pass(1_500);
    leader.isMute = false;
    world.pass(20_000);
    expect([world.leaders, world.most]).toEqual([[leader], 1]);
  });

  it('Q4 nobody leads while the broker is away, and one does within six seconds of its return', () => {
    fleet();
    for (const process of world.processes) process.isUp = false;
    world.pass(LEASE + 300);
    expect(world.leaders).toEqual([]);
    world.pass(60_000);
    expect(world.leaders).toEqual([]);
    for (const process of world.processes) process.isUp = true;
    expect(world.untilLed()).toBeLessThan(6_000);
    expect(world.most).toBe(1);
  });

  it('Q4 one that had lost the broker listens before it claims anything', () => {
    const [leader, other] = fleet();
    other.isUp = false;
    world.pass(60_000);
    const before = world.said.length;
    other.isUp = true;
    world.pass(ELECTION_TIMEOUT);
    expect(world.said.slice(before).filter(({ is }) => is === 'claims')).toEqual([]);
    expect([world.leaders, world.most]).toEqual([[leader], 1]);
  });

  it('Q4 a process that hung does not lead when it wakes up, before any of its timers', async () => {
    const [leader] = fleet();
    const reign = await leader.election.leadership(never);
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + LEASE);
    expect([leader.leads, reign.aborted]).toEqual([false, true]);
  });

  it('Q4 one that has missed the words of the leader for a while yields to its objection', () => {
    const [leader, other] = fleet();
    const claimed = () =>
      world.said.some(({ is, from, term }) => is === 'claims' && from === other.id && term > 1);
    world.isLost = (from, to) => from === leader && to === other && !claimed();
    world.pass(60_000);
    expect([claimed(), world.leaders, world.most]).toEqual([true, [leader], 1]);
  });

  it.each([1, 100, 200])('Q4 of claims that cross, on their way for %d ms, one wins', (delay) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    world.delay = () => delay;
    for (const id of ['c', 'a', 'b']) world.join(id);
    world.pass(10_000);
    expect(world.said.filter(({ is }) => is === 'claims')).toHaveLength(3);
    expect([world.leaders.map(({ id }) => id), world.most]).toEqual([['a'], 1]);
  });

  it('Q4 a claim waits for others that are under way', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    world.delay = (from, to) => (from === to ? 1 : 200);
    world.join('b');
    world.pass(190);
    world.join('a');
    world.pass(10_000);
    expect([world.leaders.map(({ id }) => id), world.most]).toEqual([['a'], 1]);
  });

  it('Q4 of two leaders after a broker that was parted one yields, at the next word', async () => {
    const [leader, ...others] = fleet();
    for (const other of others) other.side = 1;
    world.pass(10_000);
    expect(world.leaders).toHaveLength(2); // nobody can know of the other side
    for (const other of others) other.side = 0;
    world.pass(1_500);
    const [stays] = world.leaders;
    world.pass(60_000);
    expect([world.leaders, stays === leader]).toEqual([[stays], false]);
  });

  it('Q4 of two leaders of one term the one with the lower id stays', () => {
    const [b, a] = [world.join('b'), world.join('a')];
    a.side = 1;
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    world.pass(10_000);
    expect(world.leaders).toHaveLength(2);
    a.side = 0;
    world.pass(1_500);
    expect(world.leaders).toEqual([a]);
    expect(b.log.at(-1)).toBe('This process leads "clock".');
  });

  it('Q4 a leader that has resigned before is not taken for the one that leads', () => {
    const [first] = fleet();
    first.leave();
    world.untilLed();
    world.pass(2_000);
    const [leader] = world.leaders;
    const before = world.said.length;
    const late = world.said.find(({ is, from }) => is === 'resigns' && from === first.id)!;
    for (let count = 0; count < 20; count++) {
      for (const process of world.processes) process.election.receive(late);
      world.pass(130);
    }
    expect(world.said.slice(before).filter(({ is }) => is === 'claims')).toEqual([]);
    expect([world.leaders, world.most]).toEqual([[leader], 1]);
  });

  it('Q4 a claim that comes back too late is none', () => {
    world.delay = () => LEASE + 200;
    const process = world.join('a');
    world.pass(60_000);
    expect([world.said.some(({ is }) => is === 'claims'), process.log]).toEqual([true, []]);
  });

  it('Q4 what counts is when a word was said, not when it came back', () => {
    const [leader] = fleet();
    vi.spyOn(Math, 'random').mockReturnValue(0);
    world.delay = (from, to) => (from === to ? 1_900 : 1);
    world.pass(10_000);
    expect(world.leaders).toEqual([leader]);
    world.delay = (from, to) => (from === leader && to === leader ? 1_900 : 1);
    leader.isMute = true;
    world.pass(10_000);
    expect([world.leaders.includes(leader), world.most]).toEqual([false, 1]);
  });

  it('Q4 who asks is told when it is known who leads, and from then on at once', async () => {
    const answers: boolean[] = [];
    const [one, two] = [world.join('a'), world.join('b')];
    for (const { election } of [one, two])
      void election.isLeaderOnceKnown().then((answer) => answers.push(answer));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(answers).toEqual([]);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(answers.toSorted()).toEqual([false, true]);
    expect(await Promise.all([one.election.isLeaderOnceKnown(), two.election.isLeaderOnceKnown()])).toEqual([
      one.leads,
      two.leads,
    ]);
  });

  it('Q4 who asks while the broker is away is told in the end that nobody leads here', async () => {
    const process = world.join('a');
    process.isUp = false;
    const answer = process.election.isLeaderOnceKnown();
    await vi.advanceTimersByTimeAsync(8_500);
    expect(await answer).toBe(false);
  });

  it('Q4 who waits for leading stops when it is told to', async () => {
    const [, other] = fleet();
    const waiting = new AbortController();
    const reign = other.election.leadership(waiting.signal);
    waiting.abort(new Error('enough'));
    await expect(reign).rejects.toThrow('enough');
  });

  it('Q4 a process that has closed leads no more, and leaves no timer', () => {
    const all = fleet();
    for (const { election } of all) election.close();
    all[0].election.join();
    vi.advanceTimersByTime(60_000);
    expect([world.leaders, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('Q4 never two, whatever happens but a parted broker (%d)', (seed) => {
    const random = generator(seed);
    vi.spyOn(Math, 'random').mockImplementation(random);
    world.delay = () => 1 + random() * 199;
    let ids = 0;
    const join = () => world.join(`${Math.floor(random() * 36).toString(36)}${ids++}`);
    for (let count = 0; count < 4; count++) join();
    let led = 0;
    for (let round = 0; round < 60; round++) {
      trouble(random, { join });
      world.pass(random() * 3_000);
      led += world.leaders.length;
    }
    expect([world.most, led > 15]).toEqual([1, true]);
  });

  /** Something happens to one of the processes; what was wrong before is over. */
  function trouble(random: () => number, { join }: { join: () => Process }): void {
    const process = world.processes[Math.floor(random() * world.processes.length)]!;
    const what = Math.floor(random() * 8);
    for (const each of world.processes) Object.assign(each, { isUp: true, isMute: false, isDeaf: false });
    if (what === 0) process.isUp = false;
    else if (what === 1) process.isMute = true;
    else if (what === 2) process.isDeaf = true;
    else if (what === 3 && world.processes.length > 2) world.kill(process);
    else if (what === 4 && world.processes.length < 6) join();
    else if (what === 5) {
      process.leave();
      process.leave = process.election.join();
    }
  }
});

/** Numbers from 0 to 1 that are the same in each run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
