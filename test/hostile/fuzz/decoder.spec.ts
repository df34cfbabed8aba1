import { describe, expect, it } from 'vitest';
import { DIALECTS } from '../../support/raw-client.js';
import { DecoderTarget } from './decoder-target.js';
import { explore, SECONDS, SEED } from './fuzzer.js';

/* Packets of a grammar, damaged byte by byte, to a whole application in this process: CONTRIBUTING.md. */

describe.each(DIALECTS)('decoder and dispatcher, %s', (dialect) => {
  it(
    `keep what they promise under whatever arrives (seed ${SEED})`,
    { timeout: 120_000 + SECONDS * 1_000 },
    async () => {
      const target = await DecoderTarget.start(dialect);

      expect(await explore(target)).toBeUndefined();
    },
  );
});
