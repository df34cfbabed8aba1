import type { Namespace, Server } from 'socket.io';
import { ANY } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import { isPattern, NamespacePattern } from '../common/namespace.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { forgetLateAnswers, refuseSidsAsRooms, seeConnecting } from '../socketio/adapter-internals.js';
import { containListeners } from '../socketio/listeners.js';
import {
  dropEarly,
  receiveEarly,
  receivePackets,
  type PacketReceiver,
} from '../socketio/decoder-internals.js';
import {
  adopt,
  dropNamespace,
  isEmpty,
  onConnected,
  onEmptied,
  onNamespaceAsked,
  onNamespaceMade,
  parentsFor,
  type ParentNamespace,
} from '../socketio/namespace-internals.js';
import { onAdmission } from '../socketio/socket-internals.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { followOthers } from '../messaging/disconnect.js';
import type { Recovery } from './recovery/recovery.js';
import type { Admission } from './admission.js';
import type { Departure } from './departure.js';

const MAIN = '/';

/** Ties the namespaces of a server to the handlers, as they come and go. */
export class Namespaces {
  /** The parent of the namespaces that are opened because handlers, or option `namespaces`, are for them. */
  #dynamic: ParentNamespace | undefined;
  /** Those of patterns whose gateways have middlewares for them (`afterInit()`); they open nothing by themselves. */
  readonly #patterns = new Map<string, ParentNamespace>();
  #areAdaptersFinal = false;
  /** Whether it is we who make a namespace right now, and not the application. */
  #isOurs = false;
  /** Who lets a client into the namespace that is being opened for it. */
  #asked: readonly ParentNamespace[] | undefined;
  /** Those that the application made: they take clients, whoever handles their events. */
  readonly #applications = new WeakSet<Namespace>();

  constructor(
    private readonly parts: {
      registry: HandlerRegistry;
      admission: Admission;
      departure: Departure;
      recovery: Recovery;
      logger: Log;
      options: () => ResolvedOptions;
      receiver: PacketReceiver;
    },
  ) {}

  /** Every namespace of the server, present and future, whoever made it. */
  install(server: Server): void {
    onNamespaceMade(server, (namespace) => this.#take(server, namespace));
    onNamespaceAsked(server, (name, parents) => this.#opened(server, name, parents));
    this.ours(() => this.#take(server, server.of(MAIN)));
    followOthers(server);
    const dynamic = server.of((name, _auth, next) => next(null, this.#serves(name)));
    this.#dynamic = dynamic as unknown as ParentNamespace; // typed private
  }

  /** Opens the namespaces that are known by name, so that they exist before their first client. */
  open(server: Server, names: Iterable<string>): void {
    this.ours(() => {
      for (const name of names) server.of(name);
    });
  }

  /** What a gateway of a namespace speaks through; that of a pattern, to all namespaces that fit. */
  serverFor(server: Server, namespace: string): Server | Namespace {
    if (namespace === MAIN || namespace === ANY) return server;
    return isPattern(namespace) ? this.#patternFor(server, namespace) : this.ours(() => server.of(namespace));
  }

  #patternFor(server: Server, pattern: string): Namespace {
    let parent = this.#patterns.get(pattern);
    if (!parent) {
      parent = server.of(new NamespacePattern(pattern).expression) as unknown as ParentNamespace; // typed private
      this.#patterns.set(pattern, parent);
    }
    return parent as unknown as Namespace; // it is one
  }

  /** What is made meanwhile is not the application's: it takes clients as long as something is there for them. */
  ours<T>(make: () => T): T {
    const before = this.#isOurs;
    this.#isOurs = true;
    try {
      return make();
    } finally {
      this.#isOurs = before;
    }
  }

  /** Whether a namespace takes clients: something is there for them (promise C5), or it is the application's. */
  isOpen(namespace: Namespace): boolean {
    return this.#serves(namespace.name) || this.#applications.has(namespace) || hasListeners(namespace);
  }

  /** Whether a namespace stands in option `namespaces`, or has handlers. */
  #serves(name: string): boolean {
    const { namespaces } = this.parts.options();
    return namespaces === ANY || namespaces.includes(name) || this.parts.registry.serves(name);
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
    forgetLateAnswers(namespace);
    this.parts.recovery.watch(namespace);
  }

  /** A client asked for a namespace that does not exist, and these parents, in their order, let it in. */
  #opened(server: Server, name: string, parents: readonly ParentNamespace[]): Namespace | false {
    const patterns = new Set(this.#patterns.values());
    const opening = parents.filter((parent) => !patterns.has(parent));
    if (opening.length === 0) return false;
    const isOurs = opening.every((parent) => parent === this.#dynamic);
    this.#asked = parents;
    const make = () => server._nsps.get(name) ?? opening[0]!.createChild(name);
    const namespace = isOurs ? this.ours(make) : make();
    this.#asked = undefined;
    if (!isOurs) this.#applications.add(namespace);
    adoptAll(parents, namespace); // if another client has opened it meanwhile
    return namespace;
  }

  #take(server: Server, namespace: Namespace): void {
    const { admission, receiver } = this.parts;
    const isOurs = this.#isOurs;
    if (!isOurs) this.#applications.add(namespace);
    if (this.#areAdaptersFinal) this.#dress(namespace);
    adoptAll(this.#asked ?? parentsOf(server, namespace), namespace);
    receivePackets(namespace, receiver);
    containListeners(namespace, (event, thrown) => this.#listenerFailed(namespace, event, thrown));
    onAdmission(namespace, (socket, done) => {
      const parents = parentsOf(server, namespace);
      if (parents.length > 0 && (isOurs || this.#serves(namespace.name))) adoptAll(parents, namespace); // what came later
      admission.admit(socket, (refusal) => {
        if (refusal) dropEarly(socket);
        done(refusal);
      });
    });
    onConnected(namespace, (socket) => {
      admission.connected(socket);
      receiveEarly(socket);
    });
    if (this.#isCleanedUp(namespace)) onEmptied(namespace, () => this.#emptied(server, namespace));
  }

  /** Unless the raw option says otherwise, a namespace that was opened for a client goes with its last one. */
  #isCleanedUp(namespace: Namespace): boolean {
    const { server: raw } = this.parts.options();
    return raw?.cleanupEmptyChildNamespaces !== false && this.#dynamic?.children.has(namespace) === true;
  }

  /** It goes now, or when its last client cannot come back any more. */
  #emptied(server: Server, namespace: Namespace): void {
    const { window } = this.parts.recovery;
    if (window === 0) return this.#drop(server, namespace);
    setTimeout(() => {
      if (isEmpty(namespace) && server._nsps.get(namespace.name) === namespace) this.#drop(server, namespace);
    }, window).unref();
  }

  #drop(server: Server, namespace: Namespace): void {
    void namespace.adapter.close();
    dropNamespace(server, namespace);
    this.parts.registry.forget(namespace.name);
  }

  #listenerFailed({ name }: Namespace, event: unknown, thrown: unknown): void {
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
  for (const parent of parents) adopt(parent, namespace);
}

/** The main namespace is there before any parent, and is nobody's child; in socket.io, too. */
function parentsOf(server: Server, { name }: Namespace): ParentNamespace[] {
  return name === MAIN ? [] : parentsFor(server, name);
}
