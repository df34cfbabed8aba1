import { amqpDriver } from '../amqp.js';
import type { Backend, BackendParts } from '../back-end.js';
import type { AdapterFactory, Driver } from '../queue.js';
import { redisDriver } from '../redis/redis-connection.js';
import { FlaskSocketioBus } from './flask-socketio-bus.js';

/** Redis, as python-socketio uses it: PUBLISH and SUBSCRIBE on one channel. */
export const onRedis: Backend = {
  name: 'Redis with Flask-SocketIO',
  packages: { driver: 'redis' },
  open: ({ url, channel }) => flaskSocketioParts(redisDriver(url), channel),
};

/** RabbitMQ, as python-socketio uses it: a fanout exchange named as the channel. */
export const onRabbitMq: Backend = {
  name: 'RabbitMQ with Flask-SocketIO',
  packages: { driver: 'rabbitmq-client' },
  open: ({ url, channel }) => flaskSocketioParts(amqpDriver(url, { channel, fanout: channel }), channel),
};

/** The parts of a back end with python-socketio's protocol, in which all processes share one topic: the channel. */
function flaskSocketioParts(driver: Driver, channel: string): BackendParts {
  const bus = new FlaskSocketioBus(channel);
  return {
    driver,
    remoteCaller: bus,
    write: (command) => bus.write(command),
    async adapter(link) {
      bus.attach(link);
      const { FlaskSocketioAdapter } = await import('./flask-socketio-adapter.js');
      return function factory(namespace) {
        return new FlaskSocketioAdapter(namespace, bus);
      } satisfies AdapterFactory;
    },
  };
}
