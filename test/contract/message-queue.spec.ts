import { afterAll, beforeAll, describe } from 'vitest';
import { have } from '../support/system-packages.mjs';
import { backEnds } from './back-ends.js';
import { asksAcross } from './suite.asking.js';
import { movesAcross } from './suite.clients.js';
import { welcomesAcross } from './suite.connecting.js';
import { bearsHostility } from './suite.hostility.js';
import { leadsAcross } from './suite.leading.js';
import { survivesAnOutage } from './suite.outage.js';
import { speaksAcross } from './suite.speaking.js';
import { World } from './world.js';

const installed = backEnds.filter(({ needs }) => have(needs));

describe.each(installed)('three processes on $name', { timeout: 60_000 }, (backEnd) => {
  const world = new World(backEnd);
  beforeAll(() => world.open(), 120_000);
  afterAll(() => world.close());

  describe('speaking', () => {
    speaksAcross(world);
  });
  describe('their clients', () => {
    movesAcross(world);
  });
  describe('their clients that are connecting', () => {
    welcomesAcross(world);
  });
  describe('asking', () => {
    asksAcross(world);
  });
  describe('hostile messages', () => {
    bearsHostility(world);
  });
  describe('an outage under load', () => {
    survivesAnOutage(world);
  });
  describe('what runs once', () => {
    leadsAcross(world);
  });
});
