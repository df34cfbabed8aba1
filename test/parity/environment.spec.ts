import { Module } from '@nestjs/common';
import { FlaskSocketModule, run, type FlaskSocketOptions, type RunOptions } from 'nestjs-flask-socket';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readEnvironment } from '../../lib/server/run/run.js';
import { KeepingLogger } from '../support/app.js';

/** Nobody answers there. */
const NOWHERE = 'redis://127.0.0.1:1';
const ELSEWHERE = 'redis://127.0.0.1:2';

function moduleWith(options: FlaskSocketOptions) {
  @Module({ imports: [FlaskSocketModule.forRoot(options)] })
  class AppModule {}
  return AppModule;
}

/** What the boot log of `run()` says. */
async function bootLog(inRoot: FlaskSocketOptions, inRun: RunOptions): Promise<string> {
  const logger = new KeepingLogger();
  const app = await run(moduleWith({ logger, ...inRoot }), {
    port: 0,
    nest: { logger: false, abortOnError: false },
    ...inRun,
  });
  await app.close();
  return logger.of('log').find((line) => line.startsWith('Socket.IO on'))!;
}

describe('the environment of run()', () => {
  beforeEach(() => {
    for (const name of ['HOST', 'PORT', 'MESSAGE_QUEUE', 'WORKERS']) vi.stubEnv(name, undefined);
    const listeners = (['SIGTERM', 'SIGINT'] as const).map(
      (name) => [name, process.listeners(name)] as const,
    );
    onTestFinished(() => {
      for (const [name, before] of listeners) {
        const added = process.listeners(name).filter((listener) => !before.includes(listener));
        for (const listener of added) process.off(name, listener);
      }
    });
  });
  afterEach(() => vi.unstubAllEnvs());

  it('I3 P4 MESSAGE_QUEUE names the queue', async () => {
    vi.stubEnv('MESSAGE_QUEUE', NOWHERE);
    expect(await bootLog({}, {})).toMatch(/, message queue redis:\/\/127\.0\.0\.1:1$/);
  });

  it.each<[string, FlaskSocketOptions, RunOptions]>([
    ['run()', {}, { messageQueue: ELSEWHERE }],
    ['forRoot()', { messageQueue: ELSEWHERE }, {}],
  ])('I3 the option in %s wins over MESSAGE_QUEUE', async (_, inRoot, inRun) => {
    vi.stubEnv('MESSAGE_QUEUE', NOWHERE);
    expect(await bootLog(inRoot, inRun)).toMatch(/, message queue redis:\/\/127\.0\.0\.1:2$/);
  });

  it.each<[string, FlaskSocketOptions]>([
    ['alone', {}],
    ['that an option takes', { messageQueue: '' }],
  ])('I3 an empty MESSAGE_QUEUE (%s) is none', async (_, inRoot) => {
    vi.stubEnv('MESSAGE_QUEUE', '');
    expect(await bootLog(inRoot, {})).not.toContain('message queue');
  });

  it.each([
    ['PORT', 'http', /FSK_INVALID_ENVIRONMENT: PORT .*'http'.* from 0 to 65535/],
    ['PORT', '5000.5', /PORT .*'5000\.5'/],
    ['PORT', '65536', /PORT .*'65536'/],
    ['PORT', '-1', /PORT .*'-1'/],
    ['MESSAGE_QUEUE', 'localhost:secret', /FSK_INVALID_ENVIRONMENT: MESSAGE_QUEUE .*no URL.*redis:/],
    ['WORKERS', 'many', /FSK_INVALID_ENVIRONMENT: WORKERS .*'many'/],
    ['WORKERS', '0', /WORKERS .*'0'/],
  ])('I3 %s=%s fails the boot and says what it takes', async (name, value, message) => {
    vi.stubEnv(name, value);
    const starting = run(moduleWith({ logger: false }), { nest: { logger: false, abortOnError: false } });
    const error = await starting.catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(message) as string });
    expect(String(error)).not.toContain('secret');
  });

  it('I3 variables that are empty or blank are not set', () => {
    const empty = { HOST: '', PORT: ' ', MESSAGE_QUEUE: '', WORKERS: '' };
    const none = { host: undefined, port: undefined, messageQueue: undefined, workers: undefined };
    expect([readEnvironment(empty), readEnvironment({})]).toEqual([none, none]);
  });

  it('I3 P2 all four are read', () => {
    const full = { HOST: '::', PORT: '8080', MESSAGE_QUEUE: NOWHERE, WORKERS: 'auto' };
    const read = { host: '::', port: 8080, messageQueue: NOWHERE, workers: 'auto' };
    expect([readEnvironment(full), readEnvironment({ ...full, WORKERS: '2' })]).toEqual([
      read,
      { ...read, workers: 2 },
    ]);
  });
});
