import type { ConnectionOptions, Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { loadPackage } from '../common/optional-package.js';
import type { Backend } from './back-end.js';
import { queueUrl } from './queue-url.js';
import {
  fitName,
  type BrokerConnection,
  ConnectionDriver,
  type ConnectionEvents,
} from './connection-driver.js';

/** A broker that does not answer for twice as long is lost; in milliseconds. */
const PING_INTERVAL = 4_000;

const CONNECT_TIMEOUT = 5_000;

/** In bytes. Escaped it is up to three times as long, still below the limit of a command's line. */
const MAX_TOPIC = 1_024;

type Client = typeof import('@nats-io/transport-node');

/** NATS: a subject for each topic. */
export const backend: Backend = {
  name: 'NATS',
  packages: { driver: '@nats-io/transport-node' },
  open({ url }) {
    const client = loadPackage('@nats-io/transport-node') as Client;
    const options = settings(url);
    const driver = new ConnectionDriver({
      address: subjectOf,
      connect: async (events) => brokerConnection(await client.connect(options), events),
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
    timeout: CONNECT_TIMEOUT,
    pingInterval: PING_INTERVAL,
    maxPingOut: 1,
    reconnect: false, // the client would buffer without a limit during an outage
    noAsyncTraces: true,
  };
}

/** A topic with the characters escaped that have a meaning in a subject: spaces, dots, wildcards. */
export function subjectOf(topic: string): string {
  return encodeURIComponent(fitName(topic, MAX_TOPIC)).replace(/[.*]/g, (it) => ESCAPED[it] ?? it);
}

const ESCAPED: Record<string, string> = { '.': '%2E', '*': '%2A' };

function brokerConnection(
  connection: NatsConnection,
  { received, lost }: ConnectionEvents,
): BrokerConnection {
  const subscriptions = new Map<string, Subscription>();
  let flushed: Promise<void> | undefined;
  void connection.closed().then((error) => lost(error ?? new Error('NATS closed the connection')));
  return {
    /** Resolves when the server has read the message; the messages of one turn share one flush. */
    publish(subject, payload) {
      connection.publish(subject, payload);
      flushed ??= Promise.resolve().then(() => {
        flushed = undefined;
        return connection.flush();
      });
      return flushed;
    },
    async subscribe(subject) {
      const callback = (error: Error | null, message: Msg) =>
        error ? lost(error) : received(subject, bytesOf(message));
      subscriptions.set(subject, connection.subscribe(subject, { callback }));
      await connection.flush();
    },
    unsubscribe(subject) {
      subscriptions.get(subject)?.unsubscribe();
      subscriptions.delete(subject);
      return Promise.resolve();
    },
    async close() {
      await connection.flush();
      await connection.close();
    },
    destroy: () => void connection.close().catch(lost),
  };
}

function bytesOf({ data }: Msg): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
