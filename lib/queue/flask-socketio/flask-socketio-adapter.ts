import type { Namespace } from 'socket.io';
import { Adapter, type BroadcastOptions } from 'socket.io-adapter';
import type { Audience, Command } from '../../common/remote-clients.js';
import { CALL_TIMEOUT, PacketType } from '../../common/constants.js';
import { failure } from '../../common/errors.js';
import type { FlaskSocketioBus, Receiver } from './flask-socketio-bus.js';
import type { Emitted, Incoming } from './flask-socketio-message.js';

/** A packet that carries an event. */
interface EventPacket {
  type: number;
  data: readonly unknown[];
  id?: number;
}

/** The parts of a namespace and of a socket that socket.io's types keep private. */
interface NamespaceInternals {
  _onServerSideEmit(values: readonly unknown[]): void;
}
/**
 * socket.io's own adapter for the clients of this process. It publishes its commands to python-socketio's processes and
 * applies theirs. Clients of this process are served first, in the turn of the call. Source: promises P4, P6.
 */
export class FlaskSocketioAdapter extends Adapter implements Receiver {
  constructor(
    private readonly namespace: Namespace,
    private readonly bus: FlaskSocketioBus,
  ) {
    super(namespace);
    bus.addReceiver(namespace.name, this);
  }

  override close(): void {
    this.bus.removeReceiver(this.namespace.name, this);
  }

  override broadcast(packet: EventPacket, opts: BroadcastOptions): void {
    const publish = this.#prepare(opts, (to) => ({ kind: 'emit', to, values: packet.data }));
    super.broadcast(packet, opts);
    publish?.();
  }

  override addSockets(opts: BroadcastOptions, rooms: string[]): void {
    super.addSockets(opts, rooms);
    this.#prepare(opts, (to) => ({ kind: 'join', to, rooms }))?.();
  }

  override delSockets(opts: BroadcastOptions, rooms: string[]): void {
    super.delSockets(opts, rooms);
    this.#prepare(opts, (to) => ({ kind: 'leave', to, rooms }))?.();
  }

  override disconnectSockets(opts: BroadcastOptions, close: boolean): void {
    super.disconnectSockets(opts, close);
    this.#prepare(opts, (to) => ({ kind: 'disconnect', to, close }))?.();
  }

  override serverSideEmit(packet: unknown[]): void {
    const answer = packet.at(-1);
    if (typeof answer !== 'function') return this.bus.publishServerSide(this.namespace.name, packet);
    (answer as (error: Error, responses: unknown[]) => void)(failure('FSK_NOT_IN_PROTOCOL', 'serverSideEmit() with an acknowledgement'), []); // prettier-ignore
  }

  override async fetchSockets(opts: BroadcastOptions): ReturnType<Adapter['fetchSockets']> {
    if (!opts.flags?.local) throw failure('FSK_NOT_IN_PROTOCOL', 'fetchSockets()');
    return await super.fetchSockets(opts);
  }

  /** Throws; `emitWithAck()` rejects with the error. */
  override broadcastWithAck(...given: Parameters<Adapter['broadcastWithAck']>): void {
    const [, { flags }] = given;
    if (!flags?.local)
      throw failure('FSK_NOT_IN_PROTOCOL', 'An emit to several clients with an acknowledgement');
    super.broadcastWithAck(...given);
  }

  receive(message: Incoming): void {
    const { method } = message;
    if (method === 'emit') this.#emit(message);
    else if (method === 'close_room') super.delSockets(only(message.room), [message.room]);
    else if (method === 'enter_room') super.addSockets(only(message.sid), [message.room]);
    else if (method === 'leave_room') super.delSockets(only(message.sid), [message.room]);
    else if (method === 'disconnect') super.disconnectSockets(only(message.sid), false);
    else if (method === 'server_side_emit') this.#emitServerSide([message.event, ...message.values]);
  }

  #emitServerSide(values: readonly unknown[]): void {
    const namespace = this.namespace as unknown as NamespaceInternals; // typed private by socket.io
    namespace._onServerSideEmit(values);
  }

  /** Encodes a command; returns a function that publishes it, or `undefined` if it is for this process only. */
  #prepare({ rooms, except, flags }: BroadcastOptions, commandTo: (to: Audience) => Command) {
    if (flags?.local) return undefined;
    const to = { nsp: this.namespace.name, rooms: [...rooms], except: [...(except ?? [])] };
    return this.bus.prepare(commandTo(to));
  }

  #emit({ event, values, rooms, except, callback, from }: Emitted & Pick<Incoming, 'from'>): void {
    if (rooms?.length === 0) return; // no recipients; socket.io would send to everybody
    const packet: EventPacket = { type: PacketType.EVENT, data: [event, ...values] };
    const opts = { rooms: new Set(rooms), except: new Set(except), flags: {} };
    if (!callback || !rooms || from === undefined) return super.broadcast(packet, opts);
    const answer = (...given: unknown[]) => this.bus.acknowledge(from, callback, given);
    const flags = { timeout: CALL_TIMEOUT }; // forgets a client that never acknowledges
    super.broadcastWithAck(packet, { ...opts, flags }, () => {}, answer);
  }
}

function only(name: string): BroadcastOptions {
  return { rooms: new Set([name]), except: new Set(), flags: {} };
}
