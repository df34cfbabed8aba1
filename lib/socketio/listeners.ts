import type { EventEmitter } from 'node:events';
import { isPromise } from 'node:util/types';
import type { Namespace, Socket } from 'socket.io';

/*
 * How events of socket.io 4.8 reach the listeners that an application has added. Private in its types:
 * - emitReserved(event, ...values) of a namespace and a socket: `connection`, `disconnecting`, `disconnect`, `error`;
 * - Socket.onevent(packet): calls what `onAny()` has added, then `dispatch`; Socket.ack(id).
 */

type Listener = (this: unknown, ...values: unknown[]) => unknown;

/** Told what a listener has thrown, or what its promise was rejected with. */
type Failed = (event: unknown, thrown: unknown) => void;

interface EventPacket {
  readonly data?: unknown[];
  readonly id?: number;
}

interface EmitterInternals {
  emitReserved(event: string, ...values: unknown[]): boolean;
}

interface SocketInternals extends EmitterInternals {
  onevent(packet: EventPacket): void;
  ack(id: number): Listener;
  dispatch(event: unknown[]): void;
  /** Public in socket.io; repeated because the interface replaces its type. */
  listenersAny(): readonly Listener[];
}

/**
 * Calls the listeners of an event (`on`, `once`), each whatever becomes of the others. `event` starts with the name.
 * Nothing is thrown, and no rejection is left alone: either would end the process.
 */
export function callListeners(emitter: EventEmitter, event: readonly unknown[], failed: Failed): boolean {
  const [name, ...values] = event;
  const listeners = emitter.rawListeners(name as string) as Listener[];
  for (const listener of listeners) callListener(listener, { on: emitter, name, values, failed });
  return listeners.length > 0;
}

/** Makes the `connection` listeners of a namespace unable to end the process. */
export function containListeners(namespace: Namespace, failed: Failed): void {
  const internals = namespace as unknown as EmitterInternals; // typed protected
  internals.emitReserved = (...event) => callListeners(namespace, event, failed);
}

/** The same for the listeners of a socket, those of `onAny()` included. */
export function containSocketListeners(socket: Socket, { emitReserved, onevent }: Contained): void {
  const internals = socket as unknown as SocketInternals; // typed private
  internals.emitReserved = emitReserved;
  internals.onevent = onevent;
}

/** What takes the place of a socket's own functions; the same ones for all sockets. */
export type Contained = Pick<SocketInternals, 'emitReserved' | 'onevent'>;

/** Makes them. */
export function contained(failed: (socket: Socket, ...what: Parameters<Failed>) => void): Contained {
  const failedOn = (socket: SocketInternals): Failed => {
    return (event, thrown) => failed(socket as unknown as Socket, event, thrown); // what they are
  };
  return {
    emitReserved(this: SocketInternals, ...event) {
      return callListeners(this as unknown as Socket, event, failedOn(this)); // the same
    },
    onevent(this: SocketInternals, { data = [], id }) {
      if (id !== undefined && id !== null) data.push(this.ack(id));
      const listeners = [...this.listenersAny()];
      if (listeners.length > 0) {
        const call = { on: this, name: data[0], values: data, failed: failedOn(this) };
        for (const listener of listeners) callListener(listener, call);
      }
      this.dispatch(data);
    },
  };
}

function callListener(
  listener: Listener,
  { on, name, values, failed }: { on: unknown; name: unknown; values: readonly unknown[]; failed: Failed },
): void {
  try {
    const result = listener.apply(on, [...values]);
    // Only promises can be unhandled rejections; other thenables (a database query) may start when `then` is called.
    if (isPromise(result)) result.catch((thrown: unknown) => failed(name, thrown));
  } catch (thrown) {
    failed(name, thrown);
  }
}
