import cluster from 'node:cluster';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from '../support/app.js';

describe('several processes that are not joined', () => {
  it('P3 are explained in the answer to a polling request that came to the wrong one', async () => {
    const app = await startApp();
    const response = await fetch(`${app.url}/socket.io/?EIO=4&transport=polling&sid=unknown`);
    expect([response.status, await response.json()]).toEqual([
      400,
      { code: 1, message: expect.stringContaining('the balancer has to be sticky') as string },
    ]);
  });

  it.each<[string, () => void]>([
    ['Node cluster', () => Object.assign(cluster, { isWorker: true })],
    ['PM2', () => vi.stubEnv('exec_mode', 'cluster_mode')],
  ])('P3 are noticed at boot, under %s', async (_, pretend) => {
    pretend();
    onTestFinished(() => {
      Object.assign(cluster, { isWorker: false });
      vi.unstubAllEnvs();
    });
    const app = await startApp();
    expect(app.log.of('warn').join()).toContain('seems to be one of several');
  });

  it('P3 are nothing to warn of where there is one', async () => {
    const app = await startApp();
    expect(app.log.of('warn')).toEqual([]);
  });
});
