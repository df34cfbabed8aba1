import type { Namespace, Server, Socket } from 'socket.io';
import type { FlaskSocketLogger } from '../../common/logger.js';
import { refuseSidsAsRooms, seeConnecting } from '../../context/adapter-internals.js';
import { isEmpty, onAdmission, onEmptied } from '../../context/socket-internals.js';
import type { HandlerRegistry } from '../../handlers/handler.registry.js';
import { followOthers } from '../../messaging/users.js';
import type { Recovery } from '../recovery/recovery.js';
import type { Admission } from './admission.js';
import type { Departure } from './departure.js';

type DynamicNamespaces = { children: Set<Namespace> };

/** Ties the namespaces of a server to the handlers, as they come and go. */
export class Namespaces {
  #dynamic: DynamicNamespaces | undefined;
  #areAdaptersFinal = false;

  constructor(
    private readonly parts: {
      registry: HandlerRegistry;
      admission: Admission;
      departure: Departure;
      recovery: Recovery;
      logger: FlaskSocketLogger;
    },
  ) {}

  /** Every namespace of the server, present and future, whoever made it. */
  install(server: Server): void {
    this.#take(server, server.of('/'));
    followOthers(server);
    server.on('new_namespace', (namespace) => this.#take(server, namespace));
    const dynamic = server.of((name, _auth, next) => next(null, this.parts.admission.serves(name)));
    this.#dynamic = dynamic as unknown as DynamicNamespaces; // typed private
  }

  /** Opens the namespaces that are known by name, so that they exist before their first client. */
  open(server: Server, names: Iterable<string>): void {
    for (const name of names) server.of(name);
  }

  /** The adapters will not be changed any more. */
  keepAdapters(server: Server): void {
    this.#areAdaptersFinal = true;
    for (const namespace of server._nsps.values()) this.#dress(namespace);
  }

  /** What its adapter is to know of clients. */
  #dress(namespace: Namespace): void {
    seeConnecting(namespace, this.parts.departure.leaving);
    refuseSidsAsRooms(namespace, this.parts.logger);
    this.parts.recovery.watch(namespace);
  }

  #take(server: Server, namespace: Namespace): void {
    if (this.#areAdaptersFinal) this.#dress(namespace);
    onAdmission(namespace, (socket, done) => this.parts.admission.admit(socket, done));
    namespace.on('connect', this.#connected);
    if (this.#dynamic?.children.has(namespace)) onEmptied(namespace, () => this.#emptied(server, namespace));
  }

  /** A namespace that was opened for a client goes with its last one, or when that cannot come back any more. */
  #emptied(server: Server, namespace: Namespace): void {
    const { window } = this.parts.recovery;
    if (window === 0) return this.#drop(server, namespace);
    setTimeout(() => {
      if (isEmpty(namespace) && server._nsps.get(namespace.name) === namespace) this.#drop(server, namespace);
    }, window).unref();
  }

  #drop(server: Server, namespace: Namespace): void {
    void namespace.adapter.close();
    server._nsps.delete(namespace.name);
    this.#dynamic?.children.delete(namespace);
    this.parts.registry.forget(namespace.name);
  }

  readonly #connected = (socket: Socket): void => this.parts.admission.connected(socket);
}
