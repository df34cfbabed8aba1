import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { functions } from '../support/functions.js';
import { root } from '../support/repository.js';
import { libFiles } from '../support/source.js';

/** The rooms of lib in which each file with logic has a unit spec. */
const ROOMS = ['dispatch', 'connection', 'messaging', 'queue'];

/** Back ends, which say little without their broker: the suites that run each of them at a real one. */
const testedAtBrokers: Record<string, string> = {
  'queue/amqp.ts': 'back-ends/rabbitmq.spec.ts',
  'queue/flask-socketio/flask-socketio-adapter.ts': '../e2e/with-flask.spec.ts',
  'queue/flask-socketio/flask-socketio-bus.ts': '../e2e/with-flask.spec.ts',
  'queue/flask-socketio/flask-socketio.ts': '../e2e/with-flask.spec.ts',
  'queue/nats.ts': 'back-ends/nats.spec.ts',
  'queue/postgres/postgres-messages.ts': 'back-ends/postgresql.spec.ts',
  'queue/postgres/postgres.ts': 'back-ends/postgresql.spec.ts',
  'queue/redis/redis-adapter.ts': 'back-ends/redis.spec.ts',
  'queue/redis/redis-sentinel.ts': 'redis.spec.ts',
  'queue/redis/redis-connection.ts': 'back-ends/redis.spec.ts',
  'queue/redis/redis-sharded.ts': 'back-ends/redis-sharded.spec.ts',
  'queue/redis/redis-stream-driver.ts': 'back-ends/redis-streams.spec.ts',
  'queue/redis/redis-stream-view.ts': 'back-ends/redis-streams.spec.ts',
  'queue/redis/redis-streams.ts': 'back-ends/redis-streams.spec.ts',
  'queue/redis/redis.ts': 'back-ends/redis.spec.ts',
  'queue/workers.ts': '../e2e/workers.spec.ts',
};

const specs = readdirSync(`${root}test/unit`, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.spec.ts'),
);
const specOf = (file: string) => file.replace(/\.ts$/, '.spec.ts');
const fileOf = (spec: string) => spec.replace(/\.spec\.ts$/, '.ts');

describe('the unit specs', () => {
  const withLogic = libFiles()
    .filter((file) => ROOMS.includes(file.fileName.split('/', 1)[0]!) && functions(file).length > 0)
    .map((file) => file.fileName);

  it('each have the name of a file of lib', () => {
    expect(specs.length).toBeGreaterThan(0);
    expect(specs.filter((spec) => !existsSync(`${root}lib/${fileOf(spec)}`))).toEqual([]);
  });

  it(`are there for each file with logic in ${ROOMS.join(', ')}`, () => {
    const missing = withLogic.filter((file) => !specs.includes(specOf(file)) && !(file in testedAtBrokers));
    expect(missing).toEqual([]);
  });

  it('are missing where a broker is needed, and nowhere else', () => {
    const isKept = ([file, suite]: [string, string]) =>
      withLogic.includes(file) &&
      !specs.includes(specOf(file)) &&
      existsSync(`${root}test/contract/${suite}`);
    expect(Object.entries(testedAtBrokers).filter((one) => !isKept(one))).toEqual([]);
  });
});
