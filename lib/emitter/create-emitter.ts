import { checkScheme } from '../queue/back-ends.js';
import { setUp, type EmitterOptions, type EmitterQueue } from './emitter-options.js';
import { Emitter } from './emitter.js';

/**
 * An emitter to the clients of the servers on a message queue, in plain Node: it loads neither Nest nor Socket.IO.
 * `queue` and `channel` are those of the servers. Connects with the first call. Throws what the configuration got
 * wrong.
 *
 * @see docs/message-queues.md#in-plain-node
 * @example
 * ```ts
 * import { args, createEmitter } from 'nestjs-flask-socket/emitter';
 *
 * const emitter = createEmitter('redis://localhost', { channel: 'shop', namespace: '/orders' });
 * await emitter.emit('shipped', args(7, 'Main Street'), { to: 'customer 7' });
 * await emitter.close();
 * ```
 */
export function createEmitter(queue: EmitterQueue, options: EmitterOptions = {}): Emitter {
  const setup = setUp(queue, options, 'createEmitter()');
  checkScheme(setup.queue);
  return new Emitter(setup);
}
