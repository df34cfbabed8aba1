import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { USER_ID, user } from '../../../lib/common/address.js';
import type { Identify } from '../../../lib/common/options.js';
import { Identification } from '../../../lib/connection/identification.js';
import { storage } from '../../../lib/context/storage.js';
import { Gate } from '../../support/journal.js';
import { connectionTo, keptLog } from '../../support/units.js';

async function identifying(identify: Identify | undefined) {
  const log = keptLog();
  const connected = await connectionTo();
  const { socket, connection } = connected;
  const identification = new Identification({ identify: () => identify, logger: log });
  const users = () => [...socket.rooms].filter((room) => room !== socket.id);
  return { ...connected, identification, users, log, ask: async () => identification.identify(connection) };
}

const room = (id: string | number) => String(user(id));

describe('the identification of a client', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('A3 puts it into the room of its user, at once where the answer is there', async () => {
    const { identification, connection, socket, users } = await identifying(() => 7);
    const asked = identification.identify(connection);

    expect([asked, users(), (socket.data as object)[USER_ID as never]]).toEqual([undefined, [room(7)], 7]);
  });

  it('A3 asks in the context of the connection', async () => {
    const seen: unknown[] = [];
    const { ask, connection } = await identifying((request) => void seen.push(request, storage.getStore()));
    await ask();

    expect(seen[0]).toBe(seen[1]);
    expect(seen[0]).toMatchObject({ connection });
  });

  it.each([undefined, null])(
    'A3 answered with %s is nobody: it leaves the room of whom it was before',
    async (nobody) => {
      let answer: number | null | undefined = 7;
      const { ask, users } = await identifying(() => answer as undefined);
      await ask();
      answer = nobody;
      await ask();

      expect(users()).toEqual([]);
    },
  );

  it('A3 believes the latest question, whichever answer comes last', async () => {
    const gates = [new Gate(), new Gate()];
    const ids = ['old', 'new'];
    let asked = 0;
    const { identification, connection, users } = await identifying(() => {
      const index = asked++;
      return gates[index]!.opened.then(() => ids[index]);
    });
    const answers = [identification.identify(connection), identification.identify(connection)];
    for (const gate of gates.toReversed()) gate.open();
    for (const answer of answers) await answer;

    expect(users()).toEqual([room('new')]);
  });

  it('A3 refuses a client about whom nobody can say anything: the log says why', async () => {
    const { ask, log } = await identifying(() => {
      throw new Error('no database');
    });

    await expect(ask()).rejects.toThrow('Internal server error');
    expect(log.lines).toEqual([expect.stringMatching(/^error: Error in option "identify".*no database/s)]);
  });

  it('A3 waits for ten seconds', async () => {
    const { ask, log } = await identifying(() => new Promise(() => {}));
    const asked = ask().catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(10_000);

    expect(await asked).toBe('Internal server error');
    expect(log.lines[0]).toContain('FSK_IDENTIFY_TIMEOUT');
  });

  it('A3 asks once before a client is connected', async () => {
    let times = 0;
    const { identification, connection } = await identifying(() => void times++);
    for (let each = 0; each < 2; each++) await identification.ensureIdentified(connection);

    expect(times).toBe(1);
  });

  it('A3 asked again, disconnects whom it cannot identify any more', async () => {
    let answer: () => number = () => 7;
    const { identification, connection, socket, ask, users } = await identifying(() => answer());
    identification.identifyAgain(connection);
    const before = users(); // nobody has decided about it yet: it is asked in its turn
    await ask();
    answer = () => {
      throw new Error('no database');
    };
    identification.identifyAgain(connection);

    expect([before, socket.connected]).toEqual([[], false]);
  });

  it('A3 asks nobody without the option', async () => {
    const { ask, users } = await identifying(undefined);

    expect([await ask(), users()]).toEqual([undefined, []]);
  });
});
