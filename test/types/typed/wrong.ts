import { args, call, emit, type SocketIO } from 'nestjs-flask-socket';
import './events.js';

declare const socketio: SocketIO;

export function emits(): void {
  // @ts-expect-error an event that is not declared
  emit('unknown');
  // @ts-expect-error data of another type
  emit('my response', { data: 1 });
  // @ts-expect-error data with a key that is not declared
  emit('my response', { data: 'foo', more: true });
  // @ts-expect-error no data
  emit('my response');
  // @ts-expect-error one value instead of two
  emit('moved', 1);
  // @ts-expect-error an array, which is one value
  emit('moved', [1, 2]);
  // @ts-expect-error a value of another type among several
  emit('moved', args(1, 'two'));
  // @ts-expect-error too many values
  emit('moved', args(1, 2, 3));
  // @ts-expect-error data for an event without any
  emit('ping', 1);
  // @ts-expect-error an option that does not exist
  emit('ping', undefined, { broadcasting: true });
}

export function emitsOfSocketIO(): void {
  // @ts-expect-error an event that is not declared
  socketio.emit('unknown');
  // @ts-expect-error data of another type
  socketio.emit('my response', 'foo');
  // @ts-expect-error one value instead of two
  socketio.emit('moved', 1);
}

export async function calls(): Promise<void> {
  // @ts-expect-error an event that is not declared
  await call('unknown');
  // @ts-expect-error data of another type
  await call('question', 1);
  // @ts-expect-error an answer of another type
  const answer: string = await call('question', 'how?');
  // @ts-expect-error data of another type
  await socketio.call('question', 1, { to: 'sid' });
  // @ts-expect-error an answer of another type
  const other: string = await socketio.call('question', 'how?', { to: 'sid' });
  void [answer, other];
}
