import { afterAll, beforeAll, describe } from 'vitest';
import { have } from '../support/system-packages.mjs';
import type { BackEnd } from './back-ends.js';
import { asksAcross } from './suite.asking.js';
import { movesAcross } from './suite.clients.js';
import { welcomesAcross } from './suite.connecting.js';
import { drives } from './suite.driver.js';
import { bearsHostility } from './suite.hostility.js';
import { leadsAcross } from './suite.leading.js';
import { survivesAnOutage } from './suite.outage.js';
import { speaksAcross } from './suite.speaking.js';
import { World } from './world.js';

/** All that is promised of a back end: of its driver, and of three processes on it. */
export function holdsFor(backEnd: BackEnd): void {
  drives(backEnd);
  describe.skipIf(!have(backEnd.needs))(`three processes on ${backEnd.name}`, { timeout: 60_000 }, () => {
    worksAcross(new World(backEnd));
  });
}

function worksAcross(world: World): void {
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
}
