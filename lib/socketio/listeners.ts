import type { EventEmitter } from 'node:events';
import { isPromise } from 'node:util/types';
import type { Namespace, Socket } from 'socket.io';

/*
 * Private members of socket.io 4.8 that are used here, through which events reach the application's listeners:
 * - emitReserved(event, ...values) of a namespace or socket: emits `connection`, `disconnect` and the like;
 * - Socket.onevent(packet): calls the listeners of `onAny()`, then Socket.dispatch(event);
 * - Socket.ack(id): creates the function that sends an acknowledgement.
 */

type Listener = (this: unknown, ...values: unknown[]) => unknown;

/** Called with what a listener has thrown, or what its promise was rejected with. */
type ListenerFailed = (event: unknown, thrown: unknown) => void;

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
 * Calls all listeners of an event (`on`, `once`), even if one of them fails. `event` is the name and the arguments.
 * Errors and rejections are passed to `failed`, because an uncaught one would end the process.
 */
export function callListeners(
  emitter: EventEmitter,
  event: readonly unknown[],
  failed: ListenerFailed,
): boolean {
  const [name, ...values] = event;
  const listeners = emitter.rawListeners(name as string) as Listener[];
  for (const listener of listeners) callListener(listener, { on: emitter, name, values, failed });
  return listeners.length > 0;
}

/** Catches the errors of a namespace's `connection` listeners, which would end the process. */
export function catchListenerErrors(namespace: Namespace, failed: ListenerFailed): void {
  const internals = namespace as unknown as EmitterInternals; // typed protected
  internals.emitReserved = (...event) => callListeners(namespace, event, failed);
}

/** Catches the errors of a socket's listeners, including those of `onAny()`. */
export function catchSocketListenerErrors(socket: Socket, { emitReserved, onevent }: CatchingEmitters): void {
  const internals = socket as unknown as SocketInternals; // typed private
  internals.emitReserved = emitReserved;
  internals.onevent = onevent;
}

/** Functions that replace those of a socket. All sockets share them. */
export type CatchingEmitters = Pick<SocketInternals, 'emitReserved' | 'onevent'>;

/** Functions that call a socket's listeners and pass their errors to `failed`. */
export function catchingEmitters(
  failed: (socket: Socket, ...what: Parameters<ListenerFailed>) => void,
): CatchingEmitters {
  const failedOn = (socket: SocketInternals): ListenerFailed => {
    return (event, thrown) => failed(socket as unknown as Socket, event, thrown); // this type is part of Socket
  };
  return {
    emitReserved(this: SocketInternals, ...event) {
      return callListeners(this as unknown as Socket, event, failedOn(this)); // as above
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
  {
    on,
    name,
    values,
    failed,
  }: { on: unknown; name: unknown; values: readonly unknown[]; failed: ListenerFailed },
): void {
  try {
    const result = listener.apply(on, [...values]);
    // Only promises can be unhandled rejections; other thenables (a database query) may start when `then` is called.
    if (isPromise(result)) result.catch((thrown: unknown) => failed(name, thrown));
  } catch (thrown) {
    failed(name, thrown);
  }
}
