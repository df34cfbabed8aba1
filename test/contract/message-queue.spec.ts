import { afterAll, beforeAll, describe } from 'vitest';
import { have } from '../support/system-packages.mjs';
import { backEnds } from './back-ends.js';
import { asksAcross } from './suite.asking.js';
import { speaksAcross } from './suite.speaking.js';
import { movesAcross } from './suite.clients.js';
import { World } from './world.js';

describe.each(backEnds.filter(({ needs }) => have(needs)))('three processes on $name', (backEnd) => {
  const world = new World(backEnd);
  beforeAll(() => world.open());
  afterAll(() => world.close());

  describe('speaking', () => speaksAcross(world));
  describe('their clients', () => movesAcross(world));
  describe('asking', () => asksAcross(world));
});
