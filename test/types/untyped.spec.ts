import {
  args,
  call,
  emit,
  send,
  type BackgroundTask,
  type CallOptions,
  type ClientEvents,
  type EmitOptions,
  type FlaskSocketErrorCode,
  type Room,
  type ServerEvents,
  type SocketIO,
  type UserRoom,
} from 'nestjs-flask-socket';
import { describe, expectTypeOf, it } from 'vitest';

declare const socketio: SocketIO;

describe('without declared events', () => {
  it('E9 any name may be emitted', () => {
    expectTypeOf(emit).parameter(0).toEqualTypeOf<string>();
    expectTypeOf<SocketIO['emit']>().parameter(0).toEqualTypeOf<string>();
  });

  it('E9 any data may be sent, or none', () => {
    expectTypeOf(emit).toBeCallableWith('news');
    expectTypeOf(emit).toBeCallableWith('news', { any: 'thing' });
    expectTypeOf(emit).toBeCallableWith('news', args(1, 'two'), { to: ['room', 7] });
    expectTypeOf(send).toBeCallableWith('text', { json: true });
  });

  it('E9 an answer is unknown', () => {
    expectTypeOf<ReturnType<typeof call<'question'>>>().toEqualTypeOf<Promise<unknown>>();
  });

  it('E9 there is nothing declared yet', () => {
    expectTypeOf<keyof ServerEvents>().toEqualTypeOf<never>();
    expectTypeOf<keyof ClientEvents>().toEqualTypeOf<never>();
  });
});

describe('options', () => {
  it('B5 A3 name one room or many, by strings, numbers and users', () => {
    expectTypeOf<Room>().toEqualTypeOf<string | number | UserRoom>();
    expectTypeOf<EmitOptions['to']>().toEqualTypeOf<Room | readonly Room[] | undefined>();
    expectTypeOf<EmitOptions['room']>().toEqualTypeOf<EmitOptions['to']>();
  });

  it('B4 skip one sid or many', () => {
    expectTypeOf<EmitOptions['skipSid']>().toEqualTypeOf<string | readonly string[] | undefined>();
  });

  it('E6 take a callback with parameters of the application', () => {
    expectTypeOf<(text: string, count: number) => void>().toExtend<NonNullable<EmitOptions['callback']>>();
  });

  it('E7 of call() take no callback: it resolves with the answer', () => {
    expectTypeOf<CallOptions>().not.toHaveProperty('callback');
  });

  it('M1 of SocketIO name the client', () => {
    // @ts-expect-error the client has to be named outside of a handler
    const join = () => socketio.joinRoom('lobby', {});

    expectTypeOf(join).toBeFunction();
  });

  it('M1 name no room by an object', () => {
    // @ts-expect-error a room is named by a string or a number
    const say = () => emit('news', 1, { to: {} });

    expectTypeOf(say).toBeFunction();
  });
});

describe('results', () => {
  it('E5 args() keeps the types of its values', () => {
    expectTypeOf(args('one', 2)).toEqualTypeOf<ReturnType<typeof args<[string, number]>>>();
    expectTypeOf(args('one', 2)).not.toEqualTypeOf<ReturnType<typeof args<[string, string]>>>();
  });

  it('Q2 a task has the type of what its function resolves with', () => {
    const work = (first: string, signal: AbortSignal) => Promise.resolve(signal.aborted ? first : 2);
    const start = () => socketio.startBackgroundTask(work, 'one');

    expectTypeOf(start).returns.toEqualTypeOf<BackgroundTask<string | number>>();
    expectTypeOf<Awaited<ReturnType<typeof start>>>().toEqualTypeOf<string | number | undefined>();
  });

  it('Q2 a task takes functions of every form, with and without the signal', () => {
    const nothing = () => 1;
    const one = (first: string) => first;
    const two = (first: string, second: { count: number }) => [first, second.count];
    const signalled = (first: string, signal: AbortSignal) => (signal.aborted ? first : 2);
    const perhaps = (first: string, signal?: AbortSignal) => (signal?.aborted ? first : 2);
    const some = (speed: 'fast' | 'slow') => speed;
    const all = (...values: unknown[]) => values.length;
    const start = () => [
      socketio.startBackgroundTask(nothing),
      socketio.startBackgroundTask(one, 'one'),
      socketio.startBackgroundTask(two, 'one', { count: 2 }),
      socketio.startBackgroundTask(two, ...(['one', { count: 2 }] as [string, { count: number }])),
      socketio.startBackgroundTask(signalled, 'one'),
      socketio.startBackgroundTask(perhaps, 'one'),
      socketio.startBackgroundTask(all, 1, 2, 3),
      socketio.startBackgroundTask(some, 'fast'),
      socketio.startBackgroundTask((count) => count === 2, 1),
      socketio.startBackgroundTask((signal) => signal.aborted),
      socketio.startBackgroundTask((first, signal) => first.length > 0 && signal.aborted, 'one'),
      socketio.startBackgroundTask(async (first: string) => first, 'one'),
    ];

    expectTypeOf(start).toBeFunction();
    expectTypeOf(() => socketio.startBackgroundTask(one, 'one')).returns.toEqualTypeOf<
      BackgroundTask<string>
    >();
  });

  it('Q4 a task with options takes the same functions, and has them checked', () => {
    const one = (first: string) => first;
    const signalled = (first: string, signal: AbortSignal) => (signal.aborted ? first : 2);
    const some = (speed: 'fast' | 'slow') => speed;
    const start = () => [
      socketio.startBackgroundTask({ once: 'a' }, () => 1),
      socketio.startBackgroundTask({ once: 'a' }, one, 'one'),
      socketio.startBackgroundTask({ once: 'a' }, signalled, 'one'),
      socketio.startBackgroundTask({ once: 'a' }, some, 'fast'),
      socketio.startBackgroundTask({ once: 'a' }, (count, signal) => (signal.aborted ? 0 : count + 1), 1),
      // @ts-expect-error a number for a string
      socketio.startBackgroundTask({ once: 'a' }, one, 1),
      // @ts-expect-error one is missing: the signal would come in its place
      socketio.startBackgroundTask({ once: 'a' }, one),
      // @ts-expect-error a name is a text
      socketio.startBackgroundTask({ once: true }, one, 'one'),
      // @ts-expect-error no such option
      socketio.startBackgroundTask({ twice: 'a' }, one, 'one'),
    ];
    const work = () => socketio.startBackgroundTask({ once: 'a' }, signalled, 'one');

    expectTypeOf(start).toBeFunction();
    expectTypeOf(work).returns.toEqualTypeOf<BackgroundTask<string | 2>>();
  });

  it('Q2 a task gets its arguments checked', () => {
    const one = (first: string) => first;
    const signalled = (first: string, _signal: AbortSignal) => first;
    const start = () => [
      // @ts-expect-error a number for a string
      socketio.startBackgroundTask(one, 1),
      // @ts-expect-error a number for a string
      socketio.startBackgroundTask(signalled, 1),
      // @ts-expect-error one is missing: the signal would come in its place
      socketio.startBackgroundTask(one),
      // @ts-expect-error none of its texts
      socketio.startBackgroundTask((speed: 'fast' | 'slow') => speed, 'other'),
      // @ts-expect-error one is missing
      socketio.startBackgroundTask(signalled),
      // @ts-expect-error one too many: it would come in the place of the signal
      socketio.startBackgroundTask(signalled, 'one', 'two'),
    ];

    expectTypeOf(start).toBeFunction();
  });

  it('E7 codes of errors are known', () => {
    expectTypeOf<'FSK_CALL_TIMEOUT' | 'FSK_CALL_DISCONNECTED'>().toExtend<FlaskSocketErrorCode>();
  });
});
