import { randomUUID } from 'node:crypto';
import { isId } from './cluster-message.js';
import { decode, encode } from './codec.js';
import type { BrokerLink } from './broker-link.js';

/** What a process tells all processes of an election, those that do not take part and itself included. */
export interface Word {
  is: 'claims' | 'leads' | 'resigns';
  /** Which election. */
  name: string;
  from: string;
  /** Each leader has a higher one than those before it. */
  term: number;
  /** When it was said, by the clock of the one that said it: the others can do nothing with it. */
  at: number;
}

/** All processes on a message queue. */
export interface Fleet {
  /** What this one calls itself. */
  readonly id: string;
  /** Whether the broker is there. */
  readonly isUp: boolean;
  /** Tells all that listen, this process included; what cannot be told now is not told. */
  tell(word: Word): void;
  /** From now on, what the processes tell; this one, too. */
  hear(listener: (word: Word) => void): void;
}

/** The processes that a link leads to. */
export function fleetOn(link: BrokerLink): Fleet {
  const topic = `${link.channel}~leader`;
  return {
    id: randomUUID(),
    get isUp() {
      return link.state === 'up';
    },
    tell: (word) => void link.deliver(topic, encode(word)).catch(() => {}), // the leader sees that it does not return
    hear(listener) {
      link.subscribe(topic, (payload) => listener(checkWord(decode(payload))));
      link.hearOwn(topic);
    },
  };
}

const KINDS: ReadonlySet<unknown> = new Set<Word['is']>(['claims', 'leads', 'resigns']);

function checkWord(message: unknown): Word {
  const { is, name, from, term, at } = (message ?? {}) as Record<string, unknown>;
  const isOurs =
    KINDS.has(is) &&
    typeof name === 'string' &&
    isId(from) &&
    Number.isSafeInteger(term) &&
    Number.isFinite(at);
  if (!isOurs) throw new TypeError('a message of an election is malformed');
  return message as Word;
}
