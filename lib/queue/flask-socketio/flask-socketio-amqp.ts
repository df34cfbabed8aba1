import { amqpDriver } from '../amqp.js';
import type { Backend } from '../back-end.js';
import { flaskSocketioParts } from './flask-socketio.js';

/** RabbitMQ, as python-socketio uses it: a fanout exchange named as the channel. */
export const backend: Backend = {
  name: 'RabbitMQ with Flask-SocketIO',
  packages: { driver: 'rabbitmq-client' },
  open: ({ url, channel }) => flaskSocketioParts(amqpDriver(url, { channel, fanout: channel }), channel),
};
