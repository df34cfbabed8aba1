// Emitting from a process that is no server
export { createEmitter } from './emitter.js';
export { args } from '../common/args.js';
export { user } from '../common/address.js';
export { FlaskSocketError } from '../common/errors.js';

// Types
export type { Emitter } from './emitter.js';
export type {
  EmitterClient,
  EmitterEmitOptions,
  EmitterOptions,
  EmitterQueue,
  EmitterSendOptions,
} from './emitter-options.js';
export type { Room } from '../common/address.js';
export type { ServerEvents } from '../common/typed-events.js';
export type { FlaskSocketErrorCode } from '../common/errors.js';
