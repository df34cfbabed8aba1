import { Namespace, type Server, type Socket } from 'socket.io';
import type { NamespaceMiddleware } from './socket-internals.js';

/*
 * The parts of socket.io 4.8, private in its types, through which namespaces come, fill and go:
 * - Server._nsps: all of them by name; its `set` is where each of them passes, whoever made it;
 * - Server._checkNamespace(name, auth, done): finds a parent for a name that a client asks for;
 * - Server.parentNsps, Server.parentNamespacesFromRegExp: the parents by what their children have to fit;
 * - ParentNamespace.children and createChild(name); Namespace._fns: the middlewares;
 * - Namespace._createSocket(client, auth): makes a socket, or one that is recovered, where `auth` names a private id;
 * - Namespace._doConnect(socket, done): connects a socket, and then tells the listeners;
 * - Namespace._remove(socket); Namespace._onServerSideEmit(event): what another process sends.
 */

type Listener = (socket: Socket) => void;

/** A namespace whose children are opened for clients that ask for a name that fits. */
export interface ParentNamespace {
  readonly children: Set<Namespace>;
  readonly _fns: readonly NamespaceMiddleware[];
  listeners(event: 'connect' | 'connection'): Listener[];
  createChild(name: string): Namespace;
}

/** Asks whether a parent takes a client that wants to connect to a namespace. */
type Ask = (
  name: string,
  auth: unknown,
  answer: (error: Error | null | undefined, allow: boolean) => void,
) => void;

interface ServerInternals {
  readonly _nsps: Map<string, Namespace>;
  readonly parentNsps: ReadonlyMap<Ask, ParentNamespace>;
  readonly parentNamespacesFromRegExp: ReadonlyMap<RegExp, ParentNamespace>;
  _checkNamespace(name: string, auth: unknown, done: (namespace: Namespace | false) => void): void;
}

interface NamespaceInternals {
  readonly _fns: readonly NamespaceMiddleware[];
  readonly _preConnectSockets: ReadonlyMap<string, Socket>;
  _remove(socket: Socket): void;
  _createSocket(client: Socket['client'], auth: object): Promise<Socket>;
  _doConnect(socket: Socket, done?: (socket: Socket) => void): void;
  _onServerSideEmit(event: unknown[]): void;
}

const inner = (server: Server) => server as unknown as ServerInternals; // typed private by socket.io
const innerNamespace = (namespace: Namespace) => namespace as unknown as NamespaceInternals; // likewise
const prototype = innerNamespace(Namespace.prototype);

/** Calls `made` for each namespace that is made from now on, before anybody can be in it. */
export function onNamespaceMade(server: Server, made: (namespace: Namespace) => void): void {
  const namespaces = inner(server)._nsps;
  namespaces.set = function set(name, namespace) {
    Map.prototype.set.call(this, name, namespace);
    made(namespace);
    return this;
  };
}

/**
 * A name that a client asks for is opened by `open`, with every parent that lets the client in, in the order in which
 * they were made; in socket.io it is the first of them alone.
 */
export function onNamespaceAsked(
  server: Server,
  open: (name: string, parents: readonly ParentNamespace[]) => Namespace | false,
): void {
  const internals = inner(server);
  internals._checkNamespace = (name, auth, done) => {
    const left = internals.parentNsps.entries();
    const parents: ParentNamespace[] = [];
    const askNext = () => {
      const { value } = left.next();
      if (!value) return done(parents.length > 0 && open(name, parents));
      const [ask, parent] = value;
      ask(name, auth, (error, allow) => {
        if (!error && allow) parents.push(parent);
        askNext();
      });
    };
    askNext();
  };
}

/** The parents made with a regular expression that a name fits, in the order in which they were made. */
export function parentsFor(server: Server, name: string): ParentNamespace[] {
  const parents = inner(server).parentNamespacesFromRegExp;
  if (parents.size === 0) return [];
  return [...parents].filter(([expression]) => expression.test(name)).map(([, parent]) => parent);
}

/**
 * Makes a namespace a child of a parent, as if the parent had opened it: with its middlewares and listeners. A child
 * gets the middlewares that the parent has got since.
 */
export function adopt(parent: ParentNamespace, namespace: Namespace): void {
  const { _fns: middlewares } = innerNamespace(namespace);
  const missing = parent._fns.filter((middleware) => !middlewares.includes(middleware));
  for (const middleware of missing) namespace.use(middleware);
  if (parent.children.has(namespace)) return;
  parent.children.add(namespace);
  for (const listener of parent.listeners('connect')) namespace.on('connect', listener);
  for (const listener of parent.listeners('connection')) namespace.on('connection', listener);
}

/** Forgets a namespace that is empty. */
export function dropNamespace(server: Server, namespace: Namespace): void {
  const { _nsps: namespaces, parentNsps } = inner(server);
  namespaces.delete(namespace.name);
  for (const parent of parentNsps.values()) parent.children.delete(namespace);
}

/** Whether a namespace was created on request of a client, by a pattern or a function. */
export function isOpenedOnDemand(namespace: Namespace): boolean {
  return [...inner(namespace.server).parentNsps.values()].some(({ children }) => children.has(namespace));
}

/** Whether a namespace has no client, and none is being admitted. */
export function isEmpty(namespace: Namespace): boolean {
  return namespace.sockets.size === 0 && innerNamespace(namespace)._preConnectSockets.size === 0;
}

/** Calls `emptied` when the last client of a namespace has gone and none is being admitted. */
export function onEmptied(namespace: Namespace, emptied: () => void): void {
  innerNamespace(namespace)._remove = function remove(socket) {
    prototype._remove.call(this, socket);
    if (isEmpty(namespace)) emptied();
  };
}

/** Asks before a client is given what was kept for the private id that it names. If not, it is a new client. */
export function onClaim(
  namespace: Namespace,
  mayClaim: (client: Socket['client'], auth: { pid: string }) => Promise<boolean>,
): void {
  const internals = innerNamespace(namespace);
  const usual = internals._createSocket.bind(internals);
  internals._createSocket = async (client, auth) => {
    const { pid, offset, ...own } = auth as { pid?: unknown; offset?: unknown };
    if (typeof pid !== 'string' || typeof offset !== 'string') return usual(client, auth);
    return usual(client, (await mayClaim(client, { ...auth, pid })) ? auth : own);
  };
}

/** Calls `connected` after a client's acceptance was sent, before the `connection` listeners. */
export function onConnected(namespace: Namespace, connected: (socket: Socket) => void): void {
  const internals = innerNamespace(namespace);
  const usual = internals._doConnect.bind(internals);
  internals._doConnect = (socket, done) => {
    usual(socket, (connecting) => {
      done?.(connecting);
      connected(connecting);
    });
  };
}

/** Calls `take` with what another process says to this namespace under a name; listeners do not hear of it. */
export function onServerSideEvent(namespace: Namespace, name: string, take: (value: never) => void): void {
  const internals = innerNamespace(namespace);
  const usual = internals._onServerSideEmit.bind(internals);
  internals._onServerSideEmit = (event) => {
    if (event[0] === name) take(event[1] as never);
    else usual(event);
  };
}
