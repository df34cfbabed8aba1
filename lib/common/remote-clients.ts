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

/** The clients of other processes on the message queue. */
export interface RemoteClients {
  /** Sends a command for a namespace that has no clients here. */
  send(command: Command): void;
  /** Resolves with the client's acknowledgement, or with `undefined` if no process has that client. */
  call(request: RemoteCall): Promise<readonly unknown[] | undefined>;
  /** The clients of other processes in a room, or without one all of a namespace. */
  members(namespace: string, room: string | undefined): Promise<Members>;
}

/** The recipients of a command, as in socket.io's adapters. No rooms: all clients of the namespace. */
export interface Audience {
  nsp: string;
  rooms: readonly string[];
  except: readonly string[];
  flags?: EmitFlags;
}

/** A command to the clients of other processes, without a response. `parts`: the encoded packet, see `portable.ts`. */
export type Command =
  | { kind: 'emit'; to: Audience; values: readonly unknown[]; parts?: readonly unknown[] }
  | { kind: 'join' | 'leave'; to: Audience; rooms: readonly string[] }
  | { kind: 'disconnect'; to: Audience; close: boolean };
