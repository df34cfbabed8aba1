import type { Parts } from '../back-end.js';
import type { AdapterFactory, Driver } from '../queue.js';
import { FlaskSocketioBus } from './flask-socketio-bus.js';

/** What a back end brings for python-socketio's protocol, whose processes share one topic: the channel itself. */
export function flaskSocketioParts(driver: Driver, channel: string): Parts {
  const bus = new FlaskSocketioBus(channel);
  return {
    driver,
    asker: bus,
    write: (command) => bus.write(command),
    async adapter(link) {
      bus.open(link);
      const { FlaskSocketioAdapter } = await import('./flask-socketio-adapter.js');
      return function factory(namespace) {
        return new FlaskSocketioAdapter(namespace, bus);
      } satisfies AdapterFactory;
    },
  };
}
