import type { Namespace, Server, Socket } from 'socket.io';
import { onAdmission, onEmptied } from '../context/socket-internals.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { followOthers } from '../messaging/users.js';
import type { Admission } from './admission.js';

type DynamicNamespaces = { children: Set<Namespace> };

/** Ties the namespaces of a server to the handlers, as they come and go. */
export class Namespaces {
  #dynamic: DynamicNamespaces | undefined;

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly admission: Admission,
  ) {}

  /** Every namespace of the server, present and future, whoever made it. */
  install(server: Server): void {
    this.#take(server, server.of('/'));
    followOthers(server);
    server.on('new_namespace', (namespace) => this.#take(server, namespace));
    const dynamic = server.of((name, _auth, next) => next(null, this.admission.serves(name)));
    this.#dynamic = dynamic as unknown as DynamicNamespaces; // typed private
  }

  /** Opens the namespaces that are known by name, so that they exist before their first client. */
  open(server: Server, names: Iterable<string>): void {
    for (const name of names) server.of(name);
  }

  #take(server: Server, namespace: Namespace): void {
    onAdmission(namespace, (socket, done) => this.admission.admit(socket, done));
    namespace.on('connect', this.#connected);
    if (this.#dynamic?.children.has(namespace)) onEmptied(namespace, () => this.#drop(server, namespace));
  }

  /** A namespace that was opened for a client goes with its last one. */
  #drop(server: Server, namespace: Namespace): void {
    void namespace.adapter.close();
    server._nsps.delete(namespace.name);
    this.#dynamic?.children.delete(namespace);
    this.registry.forget(namespace.name);
  }

  readonly #connected = (socket: Socket): void => this.admission.connected(socket);
}
