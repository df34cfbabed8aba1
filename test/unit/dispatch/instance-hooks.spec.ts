import { describe, expect, it } from 'vitest';
import { callEndHooks } from '../../../lib/dispatch/instance-hooks.js';
import { keptLog } from '../../support/units.js';

describe('instances whose time is over', () => {
  it('K8 are told so, then disposed of, one after the other', async () => {
    const steps: string[] = [];
    const first = {
      onEventEnd: async () => {
        await Promise.resolve();
        steps.push('told');
      },
      [Symbol.asyncDispose]: async () => void steps.push('disposed of'),
    };
    const second = { [Symbol.dispose]: () => void steps.push('the other') };
    await callEndHooks([first, second], 'onEventEnd', keptLog());

    expect(steps).toEqual(['told', 'disposed of', 'the other']);
  });

  it('K8 hear of the end that is theirs', async () => {
    const told: string[] = [];
    const instance = { onEventEnd: () => told.push('event'), onConnectionEnd: () => told.push('connection') };
    await callEndHooks([instance], 'onConnectionEnd', keptLog());

    expect(told).toEqual(['connection']);
  });

  it('cost no promise where none has a hook', () => {
    const proxy = new Proxy({}, { has: () => { throw new Error('not to be looked at'); } }); // prettier-ignore

    expect(callEndHooks([{}, undefined, 'text', proxy], 'onEventEnd', keptLog())).toBeUndefined();
  });

  it('X4 that throw are logged with their class, and keep no other from hearing it', async () => {
    const log = keptLog();
    const told: string[] = [];
    class Broken {
      onEventEnd() {
        throw new Error('no');
      }
    }
    await callEndHooks([new Broken(), { onEventEnd: () => told.push('event') }], 'onEventEnd', log);

    expect([told, log.lines]).toEqual([['event'], [expect.stringMatching(/Broken\.onEventEnd\(\).*no/s)]]);
  });
});
