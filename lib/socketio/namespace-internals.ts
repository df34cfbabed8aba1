import { Namespace, type Server, type Socket } from 'socket.io';
import type { NamespaceMiddleware } from './socket-internals.js';

/*
 * Private members of socket.io 4.8 that are used here to create, fill and remove namespaces:
 * - Server._nsps: all namespaces by name. Its `set` is called for each new one, whatever creates it;
 * - Server._checkNamespace(name, auth, done): finds the parent of a namespace that a client requests;
 * - Server.parentNsps, Server.parentNamespacesFromRegExp: parents by the function or pattern that accepts a name;
 * - ParentNamespace.children, createChild(name): the dynamic namespaces of a parent;
 * - Namespace._fns: the middlewares;
 * - Namespace._add(client, auth, done): called with each CONNECT packet of a client;
 * - Namespace._createSocket(client, auth): creates a socket, or recovers one if `auth` has its private id;
 * - Namespace._doConnect(socket, done): sends the CONNECT packet, and then calls the `connection` listeners;
 * - Namespace._remove(socket): called when a socket has disconnected;
 * - Namespace._onServerSideEmit(event): called with what another process sends.
 */

type Listener = (socket: Socket) => void;

/** A parent of dynamic namespaces: it creates a child for each name that its pattern or function accepts. */
export interface ParentNamespace {
  readonly children: Set<Namespace>;
  readonly _fns: readonly NamespaceMiddleware[];
  listeners(event: 'connect' | 'connection'): Listener[];
  createChild(name: string): Namespace;
}

/** A parent's function that decides whether a client may connect to a dynamic namespace. */
type NamespaceCheck = (
  name: string,
  auth: unknown,
  next: (error: Error | null | undefined, allow: boolean) => void,
) => void;

interface ServerInternals {
  readonly _nsps: Map<string, Namespace>;
  readonly parentNsps: ReadonlyMap<NamespaceCheck, ParentNamespace>;
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
  _add(client: Socket['client'], ...rest: unknown[]): Promise<void>;
}

const internalsOf = (server: Server) => server as unknown as ServerInternals; // typed private by socket.io
const namespaceInternalsOf = (namespace: Namespace) => namespace as unknown as NamespaceInternals; // typed private
const namespacePrototype = namespaceInternalsOf(Namespace.prototype);

/** Calls `created` for each namespace that is created from now on, before a client can be in it. */
export function onNamespaceCreated(server: Server, created: (namespace: Namespace) => void): void {
  const namespaces = internalsOf(server)._nsps;
  namespaces.set = function set(name, namespace) {
    Map.prototype.set.call(this, name, namespace);
    created(namespace);
    return this;
  };
}

/**
 * Calls `open` when a client requests a namespace that does not exist, with all parents that accept the client, in the
 * order of their creation. socket.io itself uses only the first of them.
 */
export function onNamespaceRequested(
  server: Server,
  open: (name: string, parents: readonly ParentNamespace[]) => Namespace | false,
): void {
  const internals = internalsOf(server);
  internals._checkNamespace = (name, auth, done) => {
    const remaining = internals.parentNsps.entries();
    const parents: ParentNamespace[] = [];
    const checkNext = () => {
      const { value } = remaining.next();
      if (!value) return done(parents.length > 0 && open(name, parents));
      const [check, parent] = value;
      check(name, auth, (error, allow) => {
        if (!error && allow) parents.push(parent);
        checkNext();
      });
    };
    checkNext();
  };
}

/** Calls `done` once it is known whether a client may ask a namespace. Where it may, the namespace exists. */
export function whenNamespaceIsOpen(
  server: Server,
  { name, auth }: { name: string; auth: object },
  done: (isOpen: boolean) => void,
): void {
  const { _nsps: namespaces } = internalsOf(server);
  if (!name.startsWith('/')) return done(false); // socket.io would create another one, with the slash
  if (namespaces.has(name)) done(true);
  else internalsOf(server)._checkNamespace(name, auth, (namespace) => done(namespace !== false));
}

/** The parents whose regular expression matches a name, in the order of their creation. */
export function parentsFor(server: Server, name: string): ParentNamespace[] {
  const parents = internalsOf(server).parentNamespacesFromRegExp;
  if (parents.size === 0) return [];
  return [...parents].filter(([expression]) => expression.test(name)).map(([, parent]) => parent);
}

/**
 * Makes a namespace a child of a parent, with the parent's middlewares and listeners. If it is a child already, it gets
 * the middlewares that were added to the parent since.
 */
export function addChildNamespace(parent: ParentNamespace, namespace: Namespace): void {
  const { _fns: middlewares } = namespaceInternalsOf(namespace);
  const missing = parent._fns.filter((middleware) => !middlewares.includes(middleware));
  for (const middleware of missing) namespace.use(middleware);
  if (parent.children.has(namespace)) return;
  parent.children.add(namespace);
  for (const listener of parent.listeners('connect')) namespace.on('connect', listener);
  for (const listener of parent.listeners('connection')) namespace.on('connection', listener);
}

/** Removes an empty namespace from the server. */
export function removeNamespace(server: Server, namespace: Namespace): void {
  const { _nsps: namespaces, parentNsps } = internalsOf(server);
  namespaces.delete(namespace.name);
  for (const parent of parentNsps.values()) parent.children.delete(namespace);
}

/** Whether a namespace was created at the request of a client, for a pattern or a function. */
export function isDynamicNamespace(namespace: Namespace): boolean {
  return [...internalsOf(namespace.server).parentNsps.values()].some(({ children }) =>
    children.has(namespace),
  );
}

/** Whether a namespace has neither connected nor connecting clients. */
export function isEmpty(namespace: Namespace): boolean {
  return namespace.sockets.size === 0 && namespaceInternalsOf(namespace)._preConnectSockets.size === 0;
}

/** Calls `emptied` when the last client has disconnected and none is connecting. */
export function onNamespaceEmpty(namespace: Namespace, emptied: () => void): void {
  namespaceInternalsOf(namespace)._remove = function remove(socket) {
    namespacePrototype._remove.call(this, socket);
    if (isEmpty(namespace)) emptied();
  };
}

/** Calls `requested` with each CONNECT packet for a namespace, before anything has been awaited. */
export function onConnectRequested(
  namespace: Namespace,
  requested: (client: Socket['client']) => void,
): void {
  const internals = namespaceInternalsOf(namespace);
  const usual = internals._add.bind(namespace);
  internals._add = (client, ...rest) => {
    requested(client);
    return usual(client, ...rest);
  };
}

/** Decides whether a client that sends a private id is recovered. Otherwise it is a new client. */
export function beforeRecovery(
  namespace: Namespace,
  mayRecover: (client: Socket['client'], auth: { pid: string }) => Promise<boolean>,
): void {
  const internals = namespaceInternalsOf(namespace);
  const original = internals._createSocket.bind(internals);
  internals._createSocket = async (client, auth) => {
    const { pid, offset, ...others } = auth as { pid?: unknown; offset?: unknown };
    if (typeof pid !== 'string' || typeof offset !== 'string') return original(client, auth);
    return original(client, (await mayRecover(client, { ...auth, pid })) ? auth : others);
  };
}

/** Calls `connected` after a client's CONNECT packet, before the `connection` listeners. */
export function onConnected(namespace: Namespace, connected: (socket: Socket) => void): void {
  const internals = namespaceInternalsOf(namespace);
  const original = internals._doConnect.bind(internals);
  internals._doConnect = (socket, done) => {
    original(socket, (connecting) => {
      done?.(connecting);
      connected(connecting);
    });
  };
}

/** Calls `listener` for one event that other processes send, in place of the application's listeners. */
export function onServerSideEvent(
  namespace: Namespace,
  name: string,
  listener: (value: never) => void,
): void {
  const internals = namespaceInternalsOf(namespace);
  const original = internals._onServerSideEmit.bind(internals);
  internals._onServerSideEmit = (event) => {
    if (event[0] === name) listener(event[1] as never);
    else original(event);
  };
}
