import { args, createEmitter, user, type EmitterEmitOptions } from 'nestjs-flask-socket/emitter';
import { expectTypeOf } from 'vitest';
import './events.js';

const emitter = createEmitter('redis://localhost', { channel: 'a', namespace: '/test', timeout: 1_000 });

export async function emits(options: EmitterEmitOptions): Promise<void> {
  await emitter.emit('my response', { data: 'foo' });
  await emitter.emit('my response', { data: 'foo' }, { namespace: '/chat', to: ['a', 7, user(7)] });
  await emitter.emit('moved', args(1, 2), { skipSid: ['a', 'b'] });
  await emitter.emit('ping');
  await emitter.emit('ping', undefined, options);
  await emitter.send('text', { json: true });
  expectTypeOf(emitter.emit('ping')).toEqualTypeOf<Promise<void>>();
}

export function isMade(): void {
  createEmitter({ url: 'redis://localhost', protocol: 'flask-socketio' });
}
