import { Module } from 'node:module';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openBrokerLink, openQueue } from '../../../lib/queue/open-queue.js';
import { KeepingLogger } from '../../support/app.js';

const PACKAGES = [
  ['redis://localhost', 'redis', '@socket.io/redis-adapter'],
  ['rediss://localhost', 'redis', '@socket.io/redis-adapter'],
  ['redis+sentinel://localhost/main', 'redis', '@socket.io/redis-adapter'],
  ['redis-sharded://localhost', 'redis', '@socket.io/redis-adapter'],
  ['redis-streams://localhost', 'redis', '@socket.io/redis-streams-adapter'],
  ['amqp://localhost', 'rabbitmq-client', ''],
  ['nats://localhost', '@nats-io/transport-node', ''],
  ['postgres://localhost', 'pg', ''],
] as const;

describe('a message queue whose packages are not installed', () => {
  beforeEach(() => {
    const resolver = Module as unknown as { _resolveFilename: (name: string, ...rest: unknown[]) => string };
    const resolve = resolver._resolveFilename;
    vi.spyOn(resolver, '_resolveFilename').mockImplementation((name, ...rest) => {
      if (PACKAGES.some((names) => names.includes(name as never))) throw new Error('not there');
      return resolve(name, ...rest);
    });
    onTestFinished(() => void vi.restoreAllMocks());
  });

  it.each(PACKAGES)('P4 %s names all of them at once', async (url, driver, adapter) => {
    const opening = openQueue({ url, channel: 'app', logger: new KeepingLogger() as never });
    const names = [driver, adapter].filter(Boolean);
    await expect(opening).rejects.toMatchObject({ code: 'FSK_MISSING_PACKAGE' });
    await expect(opening).rejects.toThrow(`the message queue ${url} needs`);
    await expect(opening).rejects.toThrow(new RegExp(`npm install ${names.join(' ')}$`));
  });

  it.each(PACKAGES)('O1 %s needs no adapter to emit', async (url, driver) => {
    const opening = openBrokerLink({ url, channel: 'app', logger: new KeepingLogger() as never });
    await expect(opening).rejects.toThrow(new RegExp(`"${driver}" is not installed.*npm install ${driver}$`));
  });
});
