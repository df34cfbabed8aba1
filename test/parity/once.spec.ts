import { Inject, Injectable } from '@nestjs/common';
import { FlaskSocketError, SocketIO, type FlaskSocketOptions } from 'nestjs-flask-socket';
import { Adapter } from 'socket.io-adapter';
import { describe, expect, it } from 'vitest';
import { ask, startApp } from '../support/app.js';
import { Journal } from '../support/journal.js';

type AdapterFactory = FlaskSocketOptions['messageQueue'];

@Injectable()
class Clock {
  readonly steps = new Journal();

  constructor(@Inject(SocketIO) socketio: SocketIO) {
    const task = socketio.startBackgroundTask(
      { once: 'clock' },
      async (first: string, signal: AbortSignal) => {
        this.steps.add(`${first} ${signal.aborted}`);
        await socketio.sleep(60_000).catch(() => {});
        this.steps.add(`end ${signal.aborted}`);
      },
      'start',
    );
    void task.then(() => this.steps.add('over'));
  }
}

describe('what runs once in the fleet', () => {
  it('Q4 runs at once where there is no message queue, also if it was started before the boot', async () => {
    const app = await startApp({ providers: [Clock] });
    const { steps } = app.get(Clock);
    await steps.reached(1);
    await app.close();
    await steps.has('over');
    expect(steps.entries).toEqual(['start false', 'end true', 'over']);
  });

  it('Q4 is awaited for its result, and its errors are logged like those of any task', async () => {
    const app = await startApp();
    const socketio = app.get(SocketIO);
    const work = async (a: number, b: number, _signal: AbortSignal) => Promise.resolve(a + b);
    const failing = () => {
      throw new Error('no luck');
    };
    expect(await socketio.startBackgroundTask({ once: 'sum' }, work, 1, 2)).toBe(3);
    await expect(socketio.startBackgroundTask({ once: 'failing' }, failing)).rejects.toThrow('no luck');
    expect(app.log.of('error')).toEqual([expect.stringMatching(/^Error in a background task: .*no luck/)]);
  });

  it('Q4 without a name runs as any task', async () => {
    const { socketio } = await started();
    expect(await socketio.startBackgroundTask({}, (signal: AbortSignal) => signal.aborted)).toBe(false);
  });

  it('Q4 a process without a message queue leads under every name until it stops', async () => {
    const { app, socketio } = await started();
    expect([await socketio.isLeader('a'), await socketio.isLeader('b')]).toEqual([true, true]);
    await app.close();
    expect([await socketio.isLeader('a'), await socketio.isLeader('c')]).toEqual([false, false]);
  });

  it('Q4 a handler may ask whether its process leads', async () => {
    const { app, socketio } = await started();
    socketio.onEvent('is leader', () => socketio.isLeader('a'));
    const client = await app.connect();
    expect(await ask(client, 'is leader')).toEqual([true]);
  });

  it('Q4 is refused with an adapter factory, which tells nothing of the other processes', async () => {
    const app = await startApp({ options: { messageQueue: Adapter as AdapterFactory } });
    const socketio = app.get(SocketIO);
    expect(() => socketio.startBackgroundTask({ once: 'clock' }, () => {})).toThrow('FSK_NO_LEADER');
    await expect(socketio.isLeader('clock')).rejects.toMatchObject({ code: 'FSK_NO_LEADER' });
  });

  it.each([undefined, '', 7, { name: 'a' }])('Q4 the name %j fails at once', async (name) => {
    const { socketio } = await started();
    await expect(socketio.isLeader(name as string)).rejects.toMatchObject({ code: 'FSK_UNNAMED_LEADER' });
    if (name === undefined) return;
    const start = () => socketio.startBackgroundTask({ once: name as string }, () => {});
    expect(start).toThrow(FlaskSocketError);
    expect(start).toThrow('FSK_UNNAMED_LEADER');
  });
});

async function started() {
  const app = await startApp();
  return { app, socketio: app.get(SocketIO) };
}
