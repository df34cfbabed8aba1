import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/app.js';
import { platforms, sessionOf, startSessions, type Browser } from '../support/session-app.js';
import { root } from '../support/repository.js';

const page = `${root}docs/sessions.md`;

interface Scene {
  browser: Browser;
  client: Socket;
}

interface Row {
  options: string;
  before: string;
  what: string;
  /** What happens after `anna` has connected, and the key that it writes or removes. */
  happens: (scene: Scene) => Promise<unknown>;
}

const forked = ({ client }: Scene) => ask(client, 'set', 'own', true);
const httpWrites = ({ browser }: Scene) => browser.get('set/name/berta');
const handlerWrites = ({ client }: Scene) => ask(client, 'set', 'name', 'berta');
const logout = ({ browser }: Scene) => browser.get('logout');
const login = ({ browser }: Scene) => browser.get('login/anna');

const rows: Row[] = [
  { options: 'copy', before: 'has not written', what: 'HTTP writes', happens: httpWrites },
  { options: 'copy', before: 'has not written', what: 'a handler writes', happens: handlerWrites },
  { options: 'copy', before: 'has not written', what: 'HTTP destroys the session', happens: logout },
  { options: 'copy', before: 'has not written', what: 'HTTP logs in, with a new id', happens: login },
  {
    options: 'copy',
    before: 'has written',
    what: 'HTTP writes',
    happens: (scene) => forked(scene).then(() => httpWrites(scene)),
  },
  {
    options: 'copy',
    before: 'has written',
    what: 'a handler writes',
    happens: (scene) => forked(scene).then(() => handlerWrites(scene)),
  },
  {
    options: 'copy',
    before: 'has written',
    what: 'HTTP destroys the session',
    happens: (scene) => forked(scene).then(() => logout(scene)),
  },
  {
    options: 'copy',
    before: 'has written',
    what: 'HTTP logs in, with a new id',
    happens: (scene) => forked(scene).then(() => login(scene)),
  },
  { options: '`manageSession: false`', before: '', what: 'HTTP writes', happens: httpWrites },
  { options: '`manageSession: false`', before: '', what: 'a handler writes', happens: handlerWrites },
  { options: '`manageSession: false`', before: '', what: 'HTTP destroys the session', happens: logout },
  { options: '`manageSession: false`', before: '', what: 'HTTP logs in, with a new id', happens: login },
];

/** How a session looks to somebody, in a word. */
function seen({ user, name }: Record<string, unknown>): string {
  if (user !== undefined) return 'the new session';
  if (name === undefined) return 'empty';
  return name === 'anna' ? 'as before' : 'the change';
}

describe.each(platforms)('the table of docs/sessions.md, on $platform', ({ adapter }) => {
  it('K5 K6 says who sees what', { timeout: 60_000 }, async () => {
    const lines: string[] = [];
    for (const row of rows) lines.push(await play(row, adapter));

    const table = ['| Session | The connection | What happens | The connection sees | HTTP sees | Another connection sees |', '| - | - | - | - | - | - |', ...lines].join('\n'); // prettier-ignore
    const settings = { ...(await resolveConfig(page)), parser: 'markdown' };
    const text = readFileSync(page, 'utf8');
    const filled = text.replace(/(<!-- table: .*-->)[^]*?(?=<!-- \/table -->)/, `$1\n\n${table}\n\n`);
    expect(text).toBe(await format(filled, settings));
  });
});

async function play({ options, before, what, happens }: Row, adapter: (typeof platforms)[0]['adapter']) {
  const manageSession = options === 'copy';
  const { browser } = await startSessions({ adapter, options: { manageSession } });
  await browser.get('set/name/anna');
  const [client, other] = [await browser.connect(), await browser.connect()];
  await happens({ browser, client });
  const cells = [seen(await sessionOf(client)), seen(await browser.get('all')), seen(await sessionOf(other))];
  return `| ${[options, before, what, ...cells].join(' | ')} |`;
}
