import { createRequire } from 'node:module';
import { io, type ManagerOptions, type Socket } from 'socket.io-client';

/** Opens a client. The type of the newest is close enough for all. */
type Connect = (
  url: string,
  options: Partial<ManagerOptions> & { query?: Record<string, string>; auth?: Record<string, string> },
) => Socket;

/** A client that people have in their pages. */
export interface ClientVersion {
  name: string;
  connect: Connect;
  /** Whether it speaks protocol 3, which servers have to allow, and passes a query where later ones pass `auth`. */
  isOld: boolean;
}

const require = createRequire(import.meta.url);

const published = (version: string, alias: string): ClientVersion => ({
  name: `socket.io-client ${version}`,
  connect: require(alias) as Connect,
  isOld: false,
});

/** Version 2, the last of protocol 3. */
export const version2: ClientVersion = { ...published('2.5', 'socket.io-client-2'), isOld: true };

/** The newest. */
export const newest: ClientVersion = { name: 'socket.io-client, the newest', connect: io, isOld: false };

/** JavaScript's, as npm has them. */
export const CLIENT_VERSIONS: readonly ClientVersion[] = [
  newest,
  published('4.7', 'socket.io-client-4.7'),
  published('4.4', 'socket.io-client-4.4'),
  published('4.0', 'socket.io-client-4.0'),
  published('3.1', 'socket.io-client-3'),
  version2,
];
