import type { ConnectionOptions, Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { load } from '../common/optional-package.js';
import type { Backend } from './back-end.js';
import { queueUrl } from './queue-url.js';
import { fitName, type Session, SessionDriver, type SessionEvents } from './session-driver.js';

/** A broker that does not answer for twice as long is away, in milliseconds. */
const PING = 4_000;

const CONNECTING = 5_000;

/** In bytes: three times as long, escaped, it stays below what the line of a command may have. */
const LONGEST_TOPIC = 1_024;

type Client = typeof import('@nats-io/transport-node');

/** NATS: a subject for each topic. */
export const backend: Backend = {
  name: 'NATS',
  packages: { driver: '@nats-io/transport-node' },
  open({ url }) {
    const client = load('@nats-io/transport-node') as Client;
    const options = settings(url);
    const driver = new SessionDriver({
      address: subjectOf,
      connect: async (events) => session(await client.connect(options), events),
    });
    return { driver };
  },
};

function settings(text: string): ConnectionOptions {
  const { url, username, password } = queueUrl(text);
  return {
    servers: url.host,
    ...(password !== '' ? { user: username, pass: password } : username !== '' ? { token: username } : {}),
    ...(url.protocol === 'tls:' ? { tls: {} } : {}),
    timeout: CONNECTING,
    pingInterval: PING,
    maxPingOut: 1,
    reconnect: false, // the client would keep without a bound what is published meanwhile
    noAsyncTraces: true,
  };
}

/** A topic without what means something in a subject: spaces, dots, wildcards. */
export function subjectOf(topic: string): string {
  return encodeURIComponent(fitName(topic, LONGEST_TOPIC)).replace(/[.*]/g, (it) => ESCAPED[it] ?? it);
}

const ESCAPED: Record<string, string> = { '.': '%2E', '*': '%2A' };

function session(connection: NatsConnection, { hear, lost }: SessionEvents): Session {
  const subscriptions = new Map<string, Subscription>();
  let flushed: Promise<void> | undefined;
  void connection.closed().then((error) => lost(error ?? new Error('NATS closed the connection')));
  return {
    /** Resolves when the server has read it; what is published in one turn asks the server once. */
    publish(subject, payload) {
      connection.publish(subject, payload);
      flushed ??= Promise.resolve().then(() => {
        flushed = undefined;
        return connection.flush();
      });
      return flushed;
    },
    async listen(subject) {
      const callback = (error: Error | null, message: Msg) =>
        error ? lost(error) : hear(subject, bytesOf(message));
      subscriptions.set(subject, connection.subscribe(subject, { callback }));
      await connection.flush();
    },
    unlisten(subject) {
      subscriptions.get(subject)?.unsubscribe();
      subscriptions.delete(subject);
      return Promise.resolve();
    },
    async end() {
      await connection.flush();
      await connection.close();
    },
    destroy: () => void connection.close().catch(lost),
  };
}

function bytesOf({ data }: Msg): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
