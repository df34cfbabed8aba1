import { isId } from './cluster-message.js';

/** A process shows itself (`hello` asks the others to do so, too), or leaves. */
interface PeerSign {
  is: 'hello' | 'here' | 'bye';
  from: string;
}

/** One process asks the others. */
export interface PeerQuestion {
  is: 'question';
  from: string;
  id: string;
  kind: string;
  question: unknown;
}

/** One of them answers. `mine`: it was for this one to answer. */
export interface PeerAnswer {
  is: 'answer';
  from: string;
  id: string;
  mine: boolean;
  given?: unknown;
}

/** What processes of one application say to each other. */
export type PeerMessage = PeerSign | PeerQuestion | PeerAnswer;

const KINDS: ReadonlySet<unknown> = new Set(['hello', 'here', 'bye', 'question', 'answer']);

/** The same message, or an error if it is none. */
export function checkPeerMessage(message: unknown): PeerMessage {
  const { is, from, id } = (message ?? {}) as Record<string, unknown>;
  const isRequest = is === 'question' || is === 'answer';
  const isOurs = KINDS.has(is) && isId(from) && (!isRequest || isId(id));
  if (!isOurs) throw new TypeError('a message between processes is malformed');
  return message as PeerMessage;
}
