import { args, createEmitter } from 'nestjs-flask-socket/emitter';
import './events.js';

const emitter = createEmitter('redis://localhost');

export async function emits(): Promise<void> {
  // @ts-expect-error an event that is not declared
  await emitter.emit('unknown');
  // @ts-expect-error data of another type
  await emitter.emit('my response', { data: 1 });
  // @ts-expect-error no data
  await emitter.emit('my response');
  // @ts-expect-error a value of another type among several
  await emitter.emit('moved', args(1, 'two'));
  // @ts-expect-error a callback, which nobody could call
  await emitter.emit('ping', undefined, { callback: () => {} });
  // @ts-expect-error there is no sender who could be left out
  await emitter.emit('ping', undefined, { includeSelf: false });
  // @ts-expect-error a client that is not named
  await emitter.disconnect({});
}

export function isMade(): void {
  // @ts-expect-error an option that does not exist
  createEmitter('redis://localhost', { chanel: 'a' });
  // @ts-expect-error a protocol that does not exist
  createEmitter({ url: 'redis://localhost', protocol: 'smtp' });
}
