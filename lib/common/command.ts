/** Whom a command is for, as socket.io's adapters put it; no rooms: everybody in the namespace. */
export interface Audience {
  nsp: string;
  rooms: readonly string[];
  except: readonly string[];
  flags?: { volatile?: boolean | undefined; compress?: boolean | undefined };
}

/** What a process may want of the clients of others, without an answer. `parts`: where `values` cannot say all. */
export type Command =
  | { kind: 'emit'; to: Audience; values: readonly unknown[]; parts?: readonly unknown[] }
  | { kind: 'join' | 'leave'; to: Audience; rooms: readonly string[] }
  | { kind: 'disconnect'; to: Audience; close: boolean };
