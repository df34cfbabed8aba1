import { setTimeout as wait } from 'node:timers/promises';
import {
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  request,
  Sid,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
  type OnEventOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, flushed, startApp, type RunningApp } from '../support/app.js';

/** A door that handlers wait at until the test opens it. */
class Door {
  open = () => {};
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

/** What handlers did, in its order; tests may wait for a line. */
class Journal {
  readonly lines: string[] = [];
  #waiting: [line: string, resolve: () => void][] = [];

  note(line: string): void {
    this.lines.push(line);
    for (const [wanted, resolve] of this.#waiting) if (wanted === line) resolve();
  }

  until(line: string): Promise<void> {
    if (this.lines.includes(line)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push([line, resolve]));
  }
}

/** Handlers that wait for a door by the name of their argument. */
function gatewayWith(options: OnEventOptions = {}) {
  @SocketGateway()
  class WaitingGateway {
    readonly journal = new Journal();
    readonly doors = new Map<string, Door>();

    door(name: string): Door {
      if (!this.doors.has(name)) this.doors.set(name, new Door());
      return this.doors.get(name)!;
    }

    @OnEvent('wait', '/', options)
    @OnEvent('wait', '/other', options)
    async wait(name: string) {
      this.journal.note(`${name} starts`);
      await this.door(name).opened;
      this.journal.note(`${name} ends`);
      return name;
    }

    @OnEvent('quick', '/', options)
    quick(name: string) {
      this.journal.note(`${name} starts and ends`);
      return name;
    }

    @OnEvent('fail', '/', options)
    async fail(name: string) {
      this.journal.note(`${name} starts`);
      await this.door(name).opened;
      this.journal.note(`${name} fails`);
      throw new Error('on purpose');
    }

    @OnEvent('always serial', '/', { ordering: 'serial' })
    async serial(name: string) {
      return this.wait(name);
    }

    @OnEvent('always concurrent', '/', { ordering: 'concurrent' })
    async concurrent(name: string) {
      return this.wait(name);
    }

    @OnError()
    async failed() {
      this.journal.note('error handler starts');
      await this.door('error handler').opened;
      this.journal.note('error handler ends');
    }
  }
  return WaitingGateway;
}

async function start(options: FlaskSocketOptions = {}, ofHandlers: OnEventOptions = {}) {
  const Gateway = gatewayWith(ofHandlers);
  const running = await startApp({ options, providers: [Gateway] });
  const gateway = running.get(Gateway);
  const open = (name: string) => gateway.door(name).open();
  return { running, gateway, journal: gateway.journal, open };
}

/** A thousand events of one client, whose handlers take as long as they like. */
async function manyEvents(running: RunningApp, event: string): Promise<void> {
  const client = await running.connect();
  const answers = Array.from({ length: 1_000 }, (_, index) => ask(client, event, index));
  await Promise.all(answers);
}

describe('a thousand events of one client', () => {
  class RandomGateway {
    readonly started: number[] = [];
    readonly ended: number[] = [];

    @OnEvent('by default')
    async byDefault(index: number) {
      this.started.push(index);
      await wait((index * 7_919) % 13);
      this.ended.push(index);
    }

    @OnEvent('serial', '/', { ordering: 'serial' })
    async serial(index: number) {
      this.started.push(index);
      await (index % 10 === 0 ? wait(1) : undefined);
      this.ended.push(index);
    }
  }
  const inOrder = Array.from({ length: 1_000 }, (_, index) => index);

  it('N2 start in order, and those that are quicker end first', async () => {
    const running = await startApp({ providers: [RandomGateway] });
    await manyEvents(running, 'by default');
    const { started, ended } = running.get(RandomGateway);
    expect(started).toEqual(inOrder);
    expect(ended).not.toEqual(inOrder);
    expect(ended.toSorted((one, other) => one - other)).toEqual(inOrder);
  });

  it('N2 start and end in order where they are serial', async () => {
    const running = await startApp({ providers: [RandomGateway] });
    await manyEvents(running, 'serial');
    const { started, ended } = running.get(RandomGateway);
    expect([started, ended]).toEqual([inOrder, inOrder]);
  });

  it('N2 start and end in order with asyncHandlers: false', async () => {
    const running = await startApp({ providers: [RandomGateway], options: { asyncHandlers: false } });
    await manyEvents(running, 'by default');
    const { started, ended } = running.get(RandomGateway);
    expect([started, ended]).toEqual([inOrder, inOrder]);
  });
});

describe.each<[string, FlaskSocketOptions, OnEventOptions]>([
  ['asyncHandlers: false', { asyncHandlers: false }, {}],
  ['{ ordering: serial } on each handler', {}, { ordering: 'serial' }],
])('with %s', (_, options, ofHandlers) => {
  it("N2 one client's event starts after its earlier one has ended", async () => {
    const { running, journal, open } = await start(options, ofHandlers);
    const client = await running.connect();
    const answers = [ask(client, 'wait', 'first'), ask(client, 'wait', 'second')];
    await flushed(client);
    const before = [...journal.lines];
    open('first');
    open('second');
    await Promise.all(answers);
    expect(before).toEqual(['first starts']);
    expect(journal.lines).toEqual(['first starts', 'first ends', 'second starts', 'second ends']);
  });

  it('N2 a handler that is not asynchronous waits as well', async () => {
    const { running, journal, open } = await start(options, ofHandlers);
    const client = await running.connect();
    const answers = [
      ask(client, 'wait', 'first'),
      ask(client, 'quick', 'second'),
      ask(client, 'quick', 'third'),
    ];
    await flushed(client);
    open('first');
    await Promise.all(answers);
    expect(journal.lines).toEqual([
      'first starts',
      'first ends',
      'second starts and ends',
      'third starts and ends',
    ]);
  });

  it('N2 different clients never wait for each other', async () => {
    const { running, journal, open } = await start(options, ofHandlers);
    const [ann, ben] = [await running.connect(), await running.connect()];
    const anns = ask(ann, 'wait', 'Ann');
    await journal.until('Ann starts');
    open('Ben');
    expect(await ask(ben, 'wait', 'Ben')).toEqual(['Ben']);
    expect(journal.lines).toEqual(['Ann starts', 'Ben starts', 'Ben ends']);
    open('Ann');
    await anns;
  });

  it('N2 one client is one in all its namespaces', async () => {
    const { running, journal, open } = await start(options, ofHandlers);
    const client = await running.connect();
    const other = await running.also(client, '/other');
    const answers = [ask(client, 'wait', 'first'), ask(other, 'wait', 'second')];
    await flushed(client);
    const before = [...journal.lines];
    open('first');
    open('second');
    await Promise.all(answers);
    expect(before).toEqual(['first starts']);
    expect(journal.lines).toEqual(['first starts', 'first ends', 'second starts', 'second ends']);
  });

  it('N2 an event has ended when its error handler has', async () => {
    const { running, journal, open } = await start(options, ofHandlers);
    const client = await running.connect();
    const answers = [ask(client, 'fail', 'first'), ask(client, 'quick', 'second')];
    open('first');
    await journal.until('error handler starts');
    await flushed(client);
    const before = [...journal.lines];
    open('error handler');
    await Promise.all(answers);
    expect(before).toEqual(['first starts', 'first fails', 'error handler starts']);
    expect(journal.lines.slice(3)).toEqual(['error handler ends', 'second starts and ends']);
  });

  it('N2 an event that waits sees its own context', async () => {
    class ContextGateway {
      @OnEvent('first', '/', ofHandlers)
      async first(value: number) {
        await wait(1);
        return [request.event.message, value];
      }

      @OnEvent('second', '/', ofHandlers)
      second(value: number, @Sid() sid: string) {
        return [request.event.message, value, sid === request.sid];
      }
    }
    const running = await startApp({ options, providers: [ContextGateway] });
    const client = await running.connect();
    const answers = await Promise.all([ask(client, 'first', 1), ask(client, 'second', 2)]);
    expect(answers).toEqual([[['first', 1]], [['second', 2, true]]]);
  });
});

describe('by default', () => {
  it("N2 one client's events do not wait for each other", async () => {
    const { running, journal, open } = await start();
    const client = await running.connect();
    const first = ask(client, 'wait', 'first');
    open('second');
    expect(await ask(client, 'wait', 'second')).toEqual(['second']);
    expect(journal.lines).toEqual(['first starts', 'second starts', 'second ends']);
    open('first');
    await first;
  });

  it('N2 a serial handler waits for serial ones only, and others do not wait for it', async () => {
    const { running, journal, open } = await start();
    const client = await running.connect();
    const answers = [
      ask(client, 'wait', 'concurrent'),
      ask(client, 'always serial', 'serial'),
      ask(client, 'always serial', 'next serial'),
    ];
    open('later');
    await ask(client, 'wait', 'later');
    expect(journal.lines).toEqual(['concurrent starts', 'serial starts', 'later starts', 'later ends']);
    for (const name of ['serial', 'next serial', 'concurrent']) open(name);
    await Promise.all(answers);
  });

  it('N2 { ordering: concurrent } wins over asyncHandlers: false', async () => {
    const { running, journal, open } = await start({ asyncHandlers: false });
    const client = await running.connect();
    const answers = [ask(client, 'wait', 'serial'), ask(client, 'wait', 'next serial')];
    open('concurrent');
    await ask(client, 'always concurrent', 'concurrent');
    expect(journal.lines).toEqual(['serial starts', 'concurrent starts', 'concurrent ends']);
    for (const name of ['serial', 'next serial']) open(name);
    await Promise.all(answers);
  });

  it('N2 handlers added at run time may be serial, too', async () => {
    const running = await startApp();
    const journal = new Journal();
    const door = new Door();
    const handle = async (name: string) => {
      journal.note(`${name} starts`);
      await door.opened;
      journal.note(`${name} ends`);
    };
    running.get(SocketIO).onEvent('late', handle, '/', { ordering: 'serial' });
    const client = await running.connect();
    const answers = [ask(client, 'late', 'first'), ask(client, 'late', 'second')];
    await flushed(client);
    door.open();
    await Promise.all(answers);
    expect(journal.lines).toEqual(['first starts', 'first ends', 'second starts', 'second ends']);
  });
});

describe('the beginning and the end', () => {
  it.each([{ asyncHandlers: true }, { asyncHandlers: false }])(
    'N2 C10 no event starts before the connect handler has ended (%o)',
    async (options) => {
      const journal = new Journal();
      class SlowGateway {
        @OnConnect()
        async connect() {
          journal.note('connect starts');
          await wait(5);
          journal.note('connect ends');
        }

        @OnEvent('event')
        event() {
          journal.note('event');
        }
      }
      const running = await startApp({
        options: { ...options, alwaysConnect: true },
        providers: [SlowGateway],
      });
      const client = await running.connect();
      await ask(client, 'event');
      expect(journal.lines).toEqual(['connect starts', 'connect ends', 'event']);
    },
  );

  it('N2 after a pause the next event starts at once', async () => {
    const { running, open } = await start({ asyncHandlers: false });
    const client = await running.connect();
    open('first');
    await ask(client, 'wait', 'first');
    open('second');
    expect(await ask(client, 'wait', 'second')).toEqual(['second']);
  });

  it('N2 a client that leaves holds nobody up, and its disconnect handler runs', async () => {
    const journal = new Journal();
    const door = new Door();
    class LeavingGateway {
      @OnEvent('wait')
      async wait() {
        journal.note('wait starts');
        await door.opened;
        journal.note('wait ends');
      }

      @OnDisconnect()
      left() {
        journal.note('left');
      }
    }
    const running = await startApp({ options: { asyncHandlers: false }, providers: [LeavingGateway] });
    const client = await running.connect();
    client.emit('wait');
    await journal.until('wait starts');
    client.disconnect();
    await journal.until('left');
    door.open();
    await journal.until('wait ends');
    expect(journal.lines).toEqual(['wait starts', 'left', 'wait ends']);
  });
});
