import { randomUUID } from 'node:crypto';
import { isId } from './cluster-message.js';
import { decode, encode } from './codec.js';
import type { BrokerLink } from './broker-link.js';

/** A message to all processes on the queue, the sender included. */
export interface ElectionMessage {
  is: 'claims' | 'leads' | 'resigns';
  /** The election's name. */
  name: string;
  from: string;
  /** Grows with each leader. */
  term: number;
  /** When it was sent, by the sender's monotonic clock: it means nothing to other processes. */
  at: number;
}

/** Carries the messages of elections between all processes on a message queue. */
export interface ElectionTransport {
  /** The id of this process. */
  readonly id: string;
  /** Whether the broker is connected. */
  readonly isConnected: boolean;
  /** Publishes to all subscribers, this process included; dropped if it cannot be sent now. */
  publish(message: ElectionMessage): void;
  /** Receives the messages of all processes, this one included. */
  subscribe(listener: (message: ElectionMessage) => void): void;
}

export function electionTransport(link: BrokerLink): ElectionTransport {
  const topic = `${link.channel}~leader`;
  return {
    id: randomUUID(),
    get isConnected() {
      return link.state === 'up';
    },
    // Errors are ignored: a leader notices that it does not receive its own renewal.
    publish: (message) => void link.publishNow(topic, encode(message)).catch(() => {}),
    subscribe(listener) {
      link.subscribe(topic, (payload) => listener(checkElectionMessage(decode(payload))));
      link.receiveOwn(topic);
    },
  };
}

const KINDS: ReadonlySet<unknown> = new Set<ElectionMessage['is']>(['claims', 'leads', 'resigns']);

function checkElectionMessage(message: unknown): ElectionMessage {
  const { is, name, from, term, at } = (message ?? {}) as Record<string, unknown>;
  const isOurs =
    KINDS.has(is) &&
    typeof name === 'string' &&
    isId(from) &&
    Number.isSafeInteger(term) &&
    Number.isFinite(at);
  if (!isOurs) throw new TypeError('a message of an election is malformed');
  return message as ElectionMessage;
}
