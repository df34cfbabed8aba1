import { describe, expect, it, onTestFinished } from 'vitest';
import { explore, SECONDS, SEED } from './fuzzer.js';
import { CLUSTER, FLASK_SOCKETIO, QueueTarget } from './queue-target.js';

describe.each([CLUSTER, FLASK_SOCKETIO])('$name', (protocol) => {
  it(`P4 goes on under any message (seed ${SEED})`, { timeout: 120_000 + SECONDS * 1_000 }, async () => {
    const target = new QueueTarget(protocol);
    onTestFinished(() => target.close());

    expect(await explore(target)).toBeUndefined();
  });
});
