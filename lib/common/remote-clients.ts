import type { EmitFlags, UserId } from './address.js';

/** A client in a room. */
export interface Member {
  /** Its id in the namespace. */
  sid: string;
  /** All its rooms but that of its user. */
  rooms: string[];
  /** Its user, as option `identify` said; not there if it said nothing. */
  userId?: UserId;
}

/** The clients in a room, or of a namespace. */
export interface Members extends Array<Member> {
  /** Set where another process did not answer in time: its clients are not in the list. */
  readonly partial?: boolean;
}

/** An event for one client, whose acknowledgement is wanted. */
export interface RemoteCall {
  namespace: string;
  sid: string;
  /** The event's name, then its arguments. */
  outgoing: readonly unknown[];
  /** Milliseconds to wait for the acknowledgement. */
  timeout: number;
}

/** The clients of other processes, as far as a message queue reaches them. */
export interface RemoteClients {
  /** Speaks to the clients of a namespace that has none here. */
  send(command: Command): void;
  /** What a client of another process acknowledged; `undefined` if no process has that client. */
  call(question: RemoteCall): Promise<readonly unknown[] | undefined>;
  /** The clients of other processes in a room, or without one all of a namespace. */
  members(namespace: string, room: string | undefined): Promise<Members>;
}

/** Whom a command is for, as socket.io's adapters put it; no rooms: everybody in the namespace. */
export interface Audience {
  nsp: string;
  rooms: readonly string[];
  except: readonly string[];
  flags?: EmitFlags;
}

/** What a process may want of the clients of others, without an answer. `parts`: where `values` cannot say all. */
export type Command =
  | { kind: 'emit'; to: Audience; values: readonly unknown[]; parts?: readonly unknown[] }
  | { kind: 'join' | 'leave'; to: Audience; rooms: readonly string[] }
  | { kind: 'disconnect'; to: Audience; close: boolean };
