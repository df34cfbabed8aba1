import type { Namespace, Socket } from 'socket.io';
import { Adapter, type BroadcastOptions, type ClusterAdapter } from 'socket.io-adapter';
import { payloadProblem } from '../common/payload.js';
import { printable, summarizeThrown } from '../common/printable.js';
import type { BrokerLink } from './broker-link.js';
import { TYPES } from './cluster-message.js';
import type { Command } from './queue.js';

/** What an adapter does to clients of all processes without an answer. */
type Applied = Pick<Adapter, 'addSockets' | 'delSockets' | 'disconnectSockets'>;

/** Whom something is for, ready to be sent. */
interface Encoded {
  rooms: string[];
  except: string[];
  flags: BroadcastOptions['flags'];
}

/** Tells the other processes to do the same. */
type Tell<Kind extends Command['kind']> = (kind: Kind, opts: Encoded, data: object) => void;

/** The part of socket.io's cluster adapter that its types keep protected. */
interface Publishing {
  publish(message: { type: number; data: object }): void;
}

/**
 * Makes a cluster adapter serve its own clients first, and in the turn of the call. socket.io's waits for the broker
 * before it does: clients of this process would hear nothing while the broker is away, and hear a broadcast after
 * what was sent to them later. Source: promise P6.
 */
export function localFirst<A extends ClusterAdapter>(adapter: A): A {
  const tell: Tell<Command['kind']> = (kind, opts, data) => {
    const message = { type: TYPES[kind], data: { ...data, opts } };
    (adapter as unknown as Publishing).publish(message); // typed protected
  };
  const others = toOthers(tell);
  const own: Pick<Adapter, 'broadcast'> = {
    broadcast(packet, opts) {
      Adapter.prototype.broadcast.call(adapter, packet, opts);
      others('emit', opts, { packet });
    },
  };
  return Object.assign(adapter, own, appliedHere(adapter, tell));
}

/** What is done to clients of this process at once, and then told to the others. */
export function appliedHere(adapter: Adapter, tell: Tell<'join' | 'leave' | 'disconnect'>): Applied {
  const local = Adapter.prototype;
  const others = toOthers(tell);
  return {
    addSockets(opts, rooms) {
      local.addSockets.call(adapter, opts, rooms);
      others('join', opts, { rooms });
    },
    delSockets(opts, rooms) {
      local.delSockets.call(adapter, opts, rooms);
      others('leave', opts, { rooms });
    },
    disconnectSockets(opts, close) {
      local.disconnectSockets.call(adapter, opts, close);
      others('disconnect', opts, { close });
    },
  };
}

/** Nobody is told of what is for this process alone. */
function toOthers<Kind extends Command['kind']>(tell: Tell<Kind>) {
  return (kind: Kind, { rooms, except, flags }: BroadcastOptions, data: object): void => {
    if (!flags?.local) tell(kind, { rooms: [...rooms], except: [...(except ?? [])], flags }, data);
  };
}

/** A socket, as one process tells another of it (`fetchSockets()`). */
interface Told {
  id: string;
  data: unknown;
  [key: string]: unknown;
}

interface Answer {
  data?: { sockets?: unknown };
}

/** The part of socket.io's cluster adapters that its types keep protected. */
interface Internals {
  doPublishResponse(requester: string, answer: Answer): Promise<void>;
}

/**
 * Makes a cluster adapter answer other processes also where an application has put into a socket's `data` what cannot
 * be encoded: that is left out. socket.io's would throw in a promise that nobody listens to, and not answer.
 */
export function answeringAlways<A extends ClusterAdapter>(adapter: A, link: BrokerLink): A {
  const internals = adapter as unknown as Internals; // typed protected
  const give = internals.doPublishResponse.bind(adapter);
  internals.doPublishResponse = async (requester, answer) => {
    try {
      await give(requester, answer);
    } catch (thrown) {
      const failed = reporter(adapter.nsp, link, thrown);
      const without = (isFit: IsFit) => give(requester, withoutData(answer, isFit, failed));
      await without(isModest)
        .catch(() => without(() => false))
        .catch((error: unknown) => link.lose(error));
    }
  };
  return adapter;
}

/** The sockets of this process as JSON: those of an adapter that has failed to write them. */
export function socketsAsJson(adapter: Adapter, opts: BroadcastOptions, failed: Reporter): string {
  const sockets: Told[] = [];
  const internals = adapter as unknown as Applying; // typed private
  internals.apply(opts, ({ id, handshake, rooms, data }) => {
    const { sessionStore: _, ...rest } = handshake as unknown as Record<string, unknown>; // express-session's
    sockets.push({ id, handshake: rest, rooms: [...rooms], data: data as unknown });
  });
  return JSON.stringify(sockets.map((socket) => told(socket, isJson, failed)));
}

/** The part of an adapter that its types keep private: whom something is for. */
interface Applying {
  apply(opts: BroadcastOptions, callback: (socket: Socket) => void): void;
}

/** Told of a socket whose data are left out. */
export type Reporter = (socket: { id: string }) => void;

/** Says so in the log. */
export function reporter({ name }: Namespace, { logger }: BrokerLink, thrown: unknown): Reporter {
  return ({ id }) =>
    logger.warn(
      `The data of client ${id} of ${printable(name)} cannot be sent to other processes, whose fetchSockets() lists ` +
        `it without: ${summarizeThrown(thrown)}`,
    );
}

/** Whether a socket's data may be sent. */
type IsFit = (socket: Told) => boolean;

function withoutData(answer: Answer, isFit: IsFit, failed: Reporter): Answer {
  const sockets = answer.data?.sockets;
  if (!Array.isArray(sockets)) return answer;
  const all = (sockets as Told[]).map((socket) => told(socket, isFit, failed));
  return { ...answer, data: { ...answer.data, sockets: all } };
}

function told(socket: Told, isFit: IsFit, failed: Reporter): Told {
  if (isFit(socket)) return socket;
  failed(socket);
  return { ...socket, data: {} };
}

/** What no encoder has a limit for. */
function isModest(socket: Told): boolean {
  return payloadProblem([socket.data]) === undefined && isJson(socket);
}

function isJson({ data }: Told): boolean {
  try {
    JSON.stringify(data);
    return true;
  } catch {
    return false;
  }
}
