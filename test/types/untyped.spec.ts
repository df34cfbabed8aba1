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

  it('Q2 a task gets its arguments checked', () => {
    const work = (first: string, _signal: AbortSignal) => first;
    // @ts-expect-error a number for a string
    const start = () => socketio.startBackgroundTask(work, 1);

    expectTypeOf(start).toBeFunction();
  });

  it('E7 codes of errors are known', () => {
    expectTypeOf<'FSK_CALL_TIMEOUT' | 'FSK_CALL_DISCONNECTED'>().toExtend<FlaskSocketErrorCode>();
  });
});
