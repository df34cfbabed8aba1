import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AppModule } from './app.module.js';

let app: INestApplication;

beforeEach(async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  app = module.createNestApplication({ logger: false });
});

afterEach(async () => {
  vi.useRealTimers();
  await app.close();
});

/** Somebody who is in the auction. */
const bidder = (name: string) => createTestClient(app, { namespace: '/auction', auth: { name } });

it('refuses people without a name', async () => {
  const client = await createTestClient(app, { namespace: '/auction' });

  expect(client.isConnected()).toBe(false);
  expect(client.refusal()).toEqual({ message: 'Tell us your name', data: { missing: 'name' } });
});

it('tells a newcomer the highest bid', async () => {
  const ann = await bidder('Ann');

  expect(ann.getReceived()).toEqual([
    { name: 'highest', args: [{ bidder: 'nobody', amount: 0 }], namespace: '/auction' },
  ]);
});

it('accepts a higher bid and tells everybody', async () => {
  const [ann, ben] = [await bidder('Ann'), await bidder('Ben')];
  ben.getReceived();

  expect(await ann.emit('bid', 5, { callback: true })).toEqual(['accepted', 5]);

  expect(ben.getReceived()).toMatchObject([{ name: 'highest', args: [{ bidder: 'Ann', amount: 5 }] }]);
});

it('refuses a lower bid, and tells nobody', async () => {
  const [ann, ben] = [await bidder('Ann'), await bidder('Ben')];
  await ann.emit('bid', 5);
  ben.getReceived();

  expect(await ben.call('bid', 4)).toEqual({ error: 'Bid more than 5' });

  await ben.expectNothing();
});

it.each([
  ['sold', 'yes'],
  ['unsold', 'no'],
])('ends ten seconds after the hammer was raised: %s', async (end, answer) => {
  vi.useFakeTimers();
  const [ann, ben] = [await bidder('Ann'), await bidder('Ben')];
  ann.on('will you pay', () => answer);
  await ann.emit('bid', 5);
  ben.getReceived();

  const raised = ben.emit('raise hammer');
  await ben.waitFor('going');
  await ben.expectNothing();
  await vi.advanceTimersByTimeAsync(10_000);
  await raised;

  expect(ben.getReceived()).toMatchObject([{ name: end, args: [{ bidder: 'Ann', amount: 5 }] }]);
});
