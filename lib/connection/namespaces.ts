import type { Namespace, Server } from 'socket.io';
import { ANY } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import { isPattern, NamespacePattern } from '../common/namespace.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { dropLateAcks, includeConnecting } from '../socketio/adapter-internals.js';
import { catchListenerErrors } from '../socketio/listeners.js';
import {
  dropEarlyPackets,
  receiveConnects,
  receiveEarlyPackets,
  receivePackets,
  type PacketReceiver,
} from '../socketio/decoder-internals.js';
import {
  addChildNamespace,
  removeNamespace,
  isEmpty,
  onConnected,
  onConnectRequested,
  onNamespaceEmpty,
  onNamespaceRequested,
  onNamespaceCreated,
  parentsFor,
  type ParentNamespace,
} from '../socketio/namespace-internals.js';
import { replaceRun } from '../socketio/socket-internals.js';
import type { RuntimeLimits } from '../context/connection.js';
import { checkJoins } from '../socketio/room-joins.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { listenToOtherProcesses } from '../messaging/disconnect.js';
import type { Handshakes } from './limits/handshakes.js';
import type { Recovery } from './recovery/recovery.js';
import type { Admission } from './admission.js';
import type { Departure } from './departure.js';

const MAIN = '/';

/** Connects the namespaces of a server to admission and dispatch as they are created and removed. */
export class Namespaces {
  /** The parent of the namespaces that exist because of handlers or option `namespaces`. */
  #dynamic: ParentNamespace | undefined;
  /** The parents of patterns, for the middlewares that gateways add in `afterInit()`; they create no namespaces. */
  readonly #patterns = new Map<string, ParentNamespace>();
  #areAdaptersFinal = false;
  /** Whether the library, not the application, is creating a namespace right now. */
  #isCreatedByLibrary = false;
  /** The parents that matched the namespace that is being created for a client. */
  #openingParents: readonly ParentNamespace[] | undefined;
  /** Namespaces that the application created: they accept clients even without handlers. */
  readonly #applicationNamespaces = new WeakSet<Namespace>();

  constructor(
    private readonly parts: {
      registry: HandlerRegistry;
      admission: Admission;
      departure: Departure;
      recovery: Recovery;
      limits: RuntimeLimits;
      logger: Log;
      options: () => ResolvedOptions;
      receiver: PacketReceiver;
      handshakes: Pick<Handshakes, 'asked' | 'left'>;
    },
  ) {}

  /** Attaches every namespace of the server, existing and future. Called before the server has an engine. */
  install(server: Server): void {
    receivePackets(server, this.parts.receiver);
    onNamespaceCreated(server, (namespace) => this.#attach(server, namespace));
    onNamespaceRequested(server, (name, parents) => this.#openFor(server, name, parents));
    this.asLibrary(() => this.#attach(server, server.of(MAIN)));
    listenToOtherProcesses(server);
    const dynamic = server.of((name, _auth, next) => next(null, this.#serves(name)));
    this.#dynamic = dynamic as unknown as ParentNamespace; // typed private
  }

  /** Creates the namespaces that have a fixed name before their first client. */
  open(server: Server, names: Iterable<string>): void {
    this.asLibrary(() => {
      for (const name of names) server.of(name);
    });
  }

  /** The `@WebSocketServer()` of a gateway: for a pattern, the parent of all matching namespaces. */
  serverFor(server: Server, namespace: string): Server | Namespace {
    if (namespace === MAIN || namespace === ANY) return server;
    return isPattern(namespace)
      ? this.#patternFor(server, namespace)
      : this.asLibrary(() => server.of(namespace));
  }

  #patternFor(server: Server, pattern: string): Namespace {
    let parent = this.#patterns.get(pattern);
    if (!parent) {
      parent = server.of(new NamespacePattern(pattern).expression) as unknown as ParentNamespace; // typed private
      this.#patterns.set(pattern, parent);
    }
    return parent as unknown as Namespace; // it is one
  }

  /** Namespaces created in `make` count as the library's: they accept clients only while they have handlers. */
  asLibrary<T>(make: () => T): T {
    const before = this.#isCreatedByLibrary;
    this.#isCreatedByLibrary = true;
    try {
      return make();
    } finally {
      this.#isCreatedByLibrary = before;
    }
  }

  /** Whether a namespace accepts clients: it has handlers or listeners (promise C5), or the application created it. */
  isOpen(namespace: Namespace): boolean {
    return (
      this.#serves(namespace.name) || this.#applicationNamespaces.has(namespace) || hasListeners(namespace)
    );
  }

  /** Whether a namespace has handlers or is listed in option `namespaces`. */
  #serves(name: string): boolean {
    const { namespaces } = this.parts.options();
    return namespaces === ANY || namespaces.includes(name) || this.parts.registry.hasHandlers(name);
  }

  /** Called when the adapters are final. */
  prepareAdapters(server: Server): void {
    this.#areAdaptersFinal = true;
    for (const namespace of server._nsps.values()) this.#prepareAdapter(namespace);
  }

  /** Adds to a namespace's adapter what admission and recovery need. */
  #prepareAdapter(namespace: Namespace): void {
    includeConnecting(namespace, this.parts.departure.disconnectingSockets);
    checkJoins(namespace, this.parts);
    dropLateAcks(namespace);
    this.parts.recovery.watch(namespace);
  }

  /** A client connects to a namespace that does not exist yet and that these parents accept, in their order. */
  #openFor(server: Server, name: string, parents: readonly ParentNamespace[]): Namespace | false {
    const patterns = new Set(this.#patterns.values());
    const opening = parents.filter((parent) => !patterns.has(parent));
    if (opening.length === 0) return false;
    const isOurs = opening.every((parent) => parent === this.#dynamic);
    this.#openingParents = parents;
    const make = () => server._nsps.get(name) ?? opening[0]!.createChild(name);
    const namespace = isOurs ? this.asLibrary(make) : make();
    this.#openingParents = undefined;
    if (!isOurs) this.#applicationNamespaces.add(namespace);
    adoptAll(parents, namespace); // another client may have created it meanwhile
    return namespace;
  }

  #attach(server: Server, namespace: Namespace): void {
    const { admission, receiver, handshakes } = this.parts;
    const isOurs = this.#isCreatedByLibrary;
    if (!isOurs) this.#applicationNamespaces.add(namespace);
    if (this.#areAdaptersFinal) this.#prepareAdapter(namespace);
    adoptAll(this.#openingParents ?? parentsOf(server, namespace), namespace);
    onConnectRequested(namespace, (client) => handshakes.asked(client));
    receiveConnects(namespace, receiver);
    catchListenerErrors(namespace, (event, thrown) => this.#logListenerError(namespace, event, thrown));
    replaceRun(namespace, (socket, done) => {
      handshakes.asked(socket.client); // another namespace may have refused it since
      const parents = parentsOf(server, namespace);
      if (parents.length > 0 && (isOurs || this.#serves(namespace.name))) adoptAll(parents, namespace); // parents that were added later
      admission.admit(socket, (refusal) => {
        if (refusal) dropEarlyPackets(socket);
        if (refusal) handshakes.left(socket.client);
        done(refusal);
      });
    });
    onConnected(namespace, (socket) => {
      admission.connected(socket);
      receiveEarlyPackets(socket);
    });
    if (this.#isCleanedUp(namespace))
      onNamespaceEmpty(namespace, () => this.#dropWhenUnused(server, namespace));
  }

  /** Whether a namespace that was created for a client is removed after its last one; socket.io's option can disable it. */
  #isCleanedUp(namespace: Namespace): boolean {
    const { server: raw } = this.parts.options();
    return raw?.cleanupEmptyChildNamespaces !== false && this.#dynamic?.children.has(namespace) === true;
  }

  /** Removes it now, or when its last client can no longer be recovered. */
  #dropWhenUnused(server: Server, namespace: Namespace): void {
    const { window } = this.parts.recovery;
    if (window === 0) return this.#drop(server, namespace);
    setTimeout(() => {
      if (isEmpty(namespace) && server._nsps.get(namespace.name) === namespace) this.#drop(server, namespace);
    }, window).unref();
  }

  #drop(server: Server, namespace: Namespace): void {
    void namespace.adapter.close();
    removeNamespace(server, namespace);
    this.parts.registry.forget(namespace.name);
  }

  #logListenerError({ name }: Namespace, event: unknown, thrown: unknown): void {
    this.parts.logger.error(
      `Error in a listener of ${printable(event)} in ${printable(name)}: ${describeThrown(thrown)}`,
      `listener ${nameOfThrown(thrown)}`,
    );
  }
}

function hasListeners(namespace: Namespace): boolean {
  return namespace.listenerCount('connection') + namespace.listenerCount('connect') > 0;
}

function adoptAll(parents: readonly ParentNamespace[], namespace: Namespace): void {
  for (const parent of parents) addChildNamespace(parent, namespace);
}

/** As in socket.io, the main namespace has no parents. */
function parentsOf(server: Server, { name }: Namespace): ParentNamespace[] {
  return name === MAIN ? [] : parentsFor(server, name);
}
