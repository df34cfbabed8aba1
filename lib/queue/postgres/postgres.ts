import { failureFrom } from '../../common/errors.js';
import { load } from '../../common/optional-package.js';
import type { Backend } from '../back-end.js';
import { fitted } from '../fit-name.js';
import { SessionDriver } from '../session-driver.js';
import { withoutPassword } from '../without-password.js';
import { postgresSession } from './postgres-session.js';

const CONNECTING = 5_000;

/** What PostgreSQL takes for the name of a channel or a table, in bytes. */
const LONGEST_NAME = 63;

/**
 * PostgreSQL's LISTEN and NOTIFY on one connection. (socket.io's own adapter publishes through several, on which
 * messages overtake each other, and sends what is long another way than what is short.)
 */
export const backend: Backend = {
  name: 'PostgreSQL',
  packages: { driver: 'pg' },
  open({ url, channel }) {
    const { Client } = load('pg') as typeof import('pg');
    const settings = { connectionString: url, connectionTimeoutMillis: CONNECTING, keepAlive: true };
    try {
      void new Client(settings);
    } catch (cause) {
      throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no PostgreSQL URL');
    }
    const table = fitted(`${channel}_attachments`, LONGEST_NAME);
    const driver = new SessionDriver({
      address: (topic) => fitted(topic, LONGEST_NAME),
      connect: (events, signal) => postgresSession(new Client(settings), table, { events, signal }),
    });
    return { driver };
  },
};
