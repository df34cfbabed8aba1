import { expect, it, onTestFinished } from 'vitest';
import type { Application, RemoteError, World } from './world.js';

/** What one process asks the clients of others. */
export function asksAcross(world: World): void {
  it.each([
    { answer: ['yes'], result: 'yes' },
    { answer: ['one', 2, null], result: ['one', 2, null] },
    { answer: [], result: undefined },
    { answer: [Buffer.from([0, 255])], result: Buffer.from([0, 255]) },
    { answer: [['a', 'list']], result: ['a', 'list'] },
  ])('P4 E7 call() gives what a client of another process answers: $answer', async ({ answer, result }) => {
    const [, onB] = await world.clients();
    onB!.answer('question', ...answer);
    expect(await world.a.call('question', 1, { to: onB!.sid })).toEqual(result);
  });

  it('P4 E7 B2 the callback of emit() to a client of another process gets all values', async () => {
    const [, , onC] = await world.clients();
    onC!.answer('question', 'one', 2);
    expect(await world.a.emitForCallback('question', 1, { to: onC!.sid })).toEqual(['one', 2]);
  });

  it('P4 V12 E7 call() reaches a namespace that has clients on another process only', async () => {
    const namespace = '/job/21';
    const [onB] = await world.clients({ namespace, on: [world.b] });
    onB!.answer('question', 'yes');
    expect(await world.a.call('question', 1, { to: onB!.sid, namespace })).toBe('yes');
  });

  it.each([101, 6_000])(
    'X5 P4 fetchSockets() finds everybody, where data of one client are nested %i deep: it is listed without',
    async (depth) => {
      const [onA, onB] = await world.clients();
      const [deepOnB] = await world.clients({ on: [world.b] });
      await world.b.log();
      await world.a.keepInData(onA!.sid, 'own', depth);
      await world.b.keepInData(onB!.sid, 'whole', 1);
      await world.b.keepInData(deepOnB!.sid, 'deep', depth);
      const names = await world.a.namesInData();
      expect(names).toMatchObject({ [onA!.sid]: 'own', [onB!.sid]: 'whole' });
      expect(Object.keys(names)).toContain(deepOnB!.sid);
      const lines = (await world.b.log()).filter((line) => line.includes(deepOnB!.sid));
      const isListedWhole = names[deepOnB!.sid] === 'deep';
      expect([isListedWhole, lines.length]).toEqual(isListedWhole ? [true, 0] : [false, 1]);
    },
  );

  it('P4 E7 many questions at once get each their own answer', async () => {
    const clients = await world.clients();
    for (const { socket } of clients)
      socket.on('double', (n: number, answer: (value: number) => void) => answer(2 * n));
    const asked = Array.from({ length: 300 }, (_, n) => ({ n, by: world.three[n % 3]!, to: clients[(n + 1) % 3]!.sid })); // prettier-ignore
    const answers = await Promise.all(asked.map(({ n, by, to }) => by.call('double', n, { to })));
    expect(answers).toEqual(asked.map(({ n }) => 2 * n));
  });

  it('P4 E7 a client that does not answer in time is an error of its own', async () => {
    const [, onB] = await world.clients();
    const { error, took } = await failed(world.a.call('question', 1, { to: onB!.sid, timeout: 200 }));
    expect(error).toMatchObject({ code: 'FSK_CALL_TIMEOUT', message: expect.stringContaining('200 ms') });
    expect(took).toBeLessThan(4_500);
  });

  it('P4 E7 a client that leaves ends the call at once', async () => {
    const [, onB] = await world.clients();
    onB!.socket.once('question', () => onB!.socket.disconnect());
    const { error, took } = await failed(world.a.call('question', 1, { to: onB!.sid }));
    expect(error.code).toBe('FSK_CALL_DISCONNECTED');
    expect(took).toBeLessThan(15_000);
  });

  it('P4 E7 a call to nobody fails promptly', async () => {
    const { error, took } = await failed(world.a.call('question', 1, { to: 'nobody' }));
    expect(error.code).toBe('FSK_CALL_NO_RECIPIENT');
    expect(took).toBeLessThan(4_500);
  });

  it('P4 E7 a call to a room of another process goes to nobody, and fails', async () => {
    const clients = await world.clients();
    await world.b.joinRoom('team', { sid: clients[1]!.sid });
    const { error } = await failed(world.a.call('question', 1, { to: 'team' }));
    expect(error.code).toMatch(/^FSK_CALL_(NO|MANY)_RECIPIENTS?$/);
    expect(await world.heard(clients)).toEqual([[], [], []]);
  });

  it('P4 E7 M6 a process that is killed while it is asked is a clear error within the deadline, and a list without its clients says that it is partial', async () => {
    const d = await process(world);
    await world.together([...world.three, d]);
    const [onD] = await world.clients({ on: [d] });
    const asked = new Promise((resolve) => onD!.socket.once('question', resolve));
    const call = failed(world.a.call('question', 1, { to: onD!.sid, timeout: 1_500 }));
    await asked;
    await d.kill();
    const [onB] = await world.clients({ on: [world.b] });
    await world.a.log();
    const members = world.a.partialMembers(onB!.sid);
    const { error, took } = await call;
    expect(error.code).toMatch(/^FSK_CALL_(TIMEOUT|DISCONNECTED)$/);
    expect(took).toBeLessThan(4_000);
    expect(await members).toEqual({ sids: [onB!.sid], partial: true, took: expect.toSatisfy((time) => time < 6_500) }); // prettier-ignore
    const lines = (await world.a.log()).filter((line) => line.includes('members() is partial'));
    expect(lines).toEqual([expect.stringContaining('1 of 3 other processes did not answer')]);
    const again = await world.a.partialMembers(onB!.sid);
    expect(again).toMatchObject({ sids: [onB!.sid], took: expect.toSatisfy((time) => time < 4_500) });
  });

  it(
    'P4 E7 M6 a process that was killed is forgotten, and the others answer',
    { timeout: 40_000 },
    async () => {
      const clients = await world.clients();
      clients[1]!.answer('question', 'yes');
      await expect.poll(() => world.a.partialMembers(clients[1]!.sid), { timeout: 15_000 }).toMatchObject({ sids: [clients[1]!.sid], partial: false }); // prettier-ignore
      expect(await world.a.call('question', 1, { to: clients[1]!.sid })).toBe('yes');
    },
  );

  it('P4 P7 a process that stops properly is not waited for', async () => {
    const d = await process(world);
    await world.together([...world.three, d]);
    await d.close();
    const began = performance.now();
    expect(await world.a.members('nobody')).toEqual([]);
    expect(performance.now() - began).toBeLessThan(4_500);
  });
}

async function process(world: World): Promise<Application> {
  const application = await world.process();
  onTestFinished(() => application.kill());
  return application;
}

/** The error with which something fails, and after how long. */
export async function failed(promise: Promise<unknown>): Promise<{ error: RemoteError; took: number }> {
  const began = performance.now();
  const error = await promise.then(
    (value) => expect.unreachable(`it resolved with ${JSON.stringify(value)}`),
    (reason: RemoteError) => reason,
  );
  return { error, took: performance.now() - began };
}
