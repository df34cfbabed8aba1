import { Adapter, type BroadcastOptions, type ClusterAdapter } from 'socket.io-adapter';
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
