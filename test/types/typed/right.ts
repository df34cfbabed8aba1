import {
  args,
  call,
  emit,
  session,
  type ClientEvents,
  type EmitOptions,
  type SocketIO,
} from 'nestjs-flask-socket';
import { expectTypeOf } from 'vitest';
import './events.js';

declare const socketio: SocketIO;

export function emits(options: EmitOptions): void {
  emit('my response', { data: 'foo' });
  emit('my response', { data: 'foo' }, { broadcast: true });
  emit('moved', args(1, 2));
  emit('ping');
  emit('ping', undefined, options);
  emit('question', 'how?', { callback: (answer: number) => answer });
  socketio.emit('my response', { data: 'foo' }, { namespace: '/chat' });
  socketio.emit('ping');
}

export function calls(): void {
  expectTypeOf(call('question', 'how?')).toEqualTypeOf<Promise<number>>();
  expectTypeOf(call('survey', args('how?', true))).toEqualTypeOf<Promise<[first: string, second: number]>>();
  expectTypeOf(call('notice')).toEqualTypeOf<Promise<undefined>>();
  expectTypeOf(socketio.call('question', 'how?', { to: 'sid' })).toEqualTypeOf<Promise<number>>();
}

export function declared(): void {
  expectTypeOf<Parameters<ClientEvents['my event']>>().toEqualTypeOf<[first: string, second: number]>();
  expectTypeOf(session.username).toEqualTypeOf<string | undefined>();
}
