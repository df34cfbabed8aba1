import { describe, expect, it } from 'vitest';
import { electionTransport, type ElectionMessage } from '../../../lib/queue/election-transport.js';
import { BrokerLink } from '../../../lib/queue/broker-link.js';
import type { Driver, Listener } from '../../../lib/queue/queue.js';

/** A fleet on a broker that brings back what it is given. */
function fleet() {
  const listeners = new Map<string, Listener>();
  const own: string[] = [];
  const driver: Driver = {
    connect: ({ connected: up }) => up(),
    publish: async (topic, payload) => listeners.get(topic)?.(payload, topic),
    subscribe: (topic, listener) => void listeners.set(topic, listener),
    unsubscribe: () => {},
    receiveOwn: (topic) => void own.push(topic),
    close: () => Promise.resolve(),
  };
  const logger = { log: () => {}, warn: () => {}, error: () => {} };
  const link = new BrokerLink(driver, { url: 'fake://', name: 'fake://', channel: 'shop', logger });
  const heard: ElectionMessage[] = [];
  const found = electionTransport(link);
  found.subscribe((word) => heard.push(word));
  link.connect();
  return { link, heard, fleet: found, own };
}

describe('the processes on a queue', () => {
  it('Q4 hear what they tell, themselves included', async () => {
    const { fleet: all, heard, own } = fleet();
    const word: ElectionMessage = { is: 'leads', name: 'clock', from: all.id, term: 3, at: 12.5 };
    all.publish(word);
    await Promise.resolve();
    expect([heard, own, all.isConnected]).toEqual([[word], ['shop~leader'], true]);
  });

  it.each([
    null,
    'leads',
    { is: 'rules', name: 'clock', from: 'a', term: 1, at: 1 },
    { is: 'leads', name: 7, from: 'a', term: 1, at: 1 },
    { is: 'leads', name: 'clock', from: {}, term: 1, at: 1 },
    { is: 'leads', name: 'clock', from: 'a', term: 1e300, at: 1 },
    { is: 'leads', name: 'clock', from: 'a', term: 1, at: 'now' },
  ])('P5 Q4 refuse and count what is malformed: %j', async (message) => {
    const { link, heard } = fleet();
    await link.publishNow('shop~leader', Buffer.from(JSON.stringify(message)));
    expect([heard, link.counts.refused]).toEqual([[], 1]);
    await link.close();
  });
});
