import { CONNECTION_REJECTED } from './constants.js';

const MODULE = 'FlaskSocketModule';

/** The message of each error: what happened, where, and what to do. */
const MESSAGES = {
  FSK_UNKNOWN_OPTION: (option: string, nearest?: string, owner: string = MODULE) =>
    `Unknown option "${option}" of ${owner}.${nearest ? ` Did you mean "${nearest}"?` : ''} They are listed on the page "Options" of the documentation${owner === MODULE ? '; raw Socket.IO options go into "server"' : ''}.`,
  FSK_INVALID_OPTION: (option: string, problem: string, owner: string = MODULE) =>
    `Option "${option}" of ${owner} ${problem}.`,
  FSK_UNKNOWN_QUEUE: (scheme: string, known: string) =>
    `Unknown scheme "${scheme}" of a message queue. Use one of: ${known}. Option "messageQueue" of a server also takes an adapter factory of Socket.IO.`,
  FSK_INVALID_QUEUE: (url: string, problem: string) =>
    `The message queue ${url} cannot be used: ${problem}. The page "Message queues" of the documentation shows the URLs of each broker.`,
  FSK_QUEUE_AWAY: () =>
    'The message queue cannot be reached, and so neither can the other processes. Try again later; clients of this process are still served.',
  FSK_NOT_IN_PROTOCOL: (what: string) =>
    `${what} cannot reach all processes: Flask-SocketIO's protocol has no message for it. For this process alone, say "local" (io.local.fetchSockets()). For the clients of all Nest processes use members(), for one client of any process call().`,
  FSK_NO_LEADER: (what: string) =>
    `${what} needs to know the other processes, and an adapter factory in option "messageQueue" does not list them. Give the URL of the message queue instead, or start it in one process only.`,
  FSK_UNNAMED_LEADER: (name: string) =>
    `Invalid name ${name} of a task that runs in one process only. Give isLeader() or option "once" of startBackgroundTask() a text that is not empty, the same in every process.`,
  FSK_QUEUE_SILENT: (silent: number, all: number, timeout: number) =>
    `${silent} of ${all} other processes did not answer within ${timeout} ms. A process that has ended is no longer asked after 10 seconds; try again then.`,
  FSK_NOT_SENT: (what: string, queue: string, problem: { is: string; remedy: string }) =>
    `${what} was not sent: the message queue ${queue} ${problem.is}. ${problem.remedy}, then send it again.`,
  FSK_MESSAGE_TOO_LARGE: (size: number, limit: number) =>
    `A message of ${size} bytes is too large for the message queue, which takes ${limit}. Send it in parts, or send a link to the data.`,
  FSK_EMITTER_CALLBACK: (what: string) =>
    `${what} was given a callback, which cannot be called: an emitter has no clients. Remove it, or use call() of a server.`,
  FSK_EMITTER_CLOSED: (what: string) =>
    `${what} was called after close() of its emitter. Call close() last, or create another emitter.`,
  FSK_EMITTER_BESIDE_SERVER: () =>
    'FlaskSocketModule.forEmitter() and forRoot() are imported in one application. Remove forEmitter(): the SocketIO of a server with option messageQueue reaches the clients of all servers; createEmitter() of nestjs-flask-socket/emitter reaches those of another channel.',
  FSK_EMITTER_ONLY: (what: string) =>
    `${what} needs a Socket.IO server, and FlaskSocketModule.forEmitter() creates none. Use it in an application with FlaskSocketModule.forRoot(). Available here are emit, send, joinRoom, leaveRoom, closeRoom and disconnect.`,
  FSK_INVALID_ENVIRONMENT: (name: string, value: string, wanted: string) =>
    `${name} in the environment is ${value}. Set it to ${wanted}, or leave it out.`,
  FSK_CANNOT_LISTEN: (address: string, why: string) =>
    `Cannot listen on ${address}: ${why}. Choose another port with run(AppModule, { port: 5001 }) or with PORT=5001 in ` +
    'the environment (0 takes a free one), another address with host or HOST.',
  FSK_UNKNOWN_ENGINE: (engine: string, known: string) =>
    `Unknown engine "${engine}" in option "asyncMode". Use one of: ${known}; a class of your own goes into server.wsEngine.`,
  FSK_BROKEN_ENGINE: (engine: string, others: string) =>
    `Engine "${engine}" in option "asyncMode" is installed, but cannot be loaded: see the cause. Install it again for this version of Node (npm install ${engine}), or use one of: ${others}.`,
  FSK_MISSING_PACKAGE: (names: readonly string[], user: string) =>
    `${names.length > 1 ? 'Packages' : 'Package'} ${names.map((name) => `"${name}"`).join(' and ')} ${names.length > 1 ? 'are' : 'is'} not installed; ${user} needs ${names.length > 1 ? 'them' : 'it'}. Run: npm install ${names.join(' ')}`,
  FSK_MODULE_TWICE: () =>
    'FlaskSocketModule.forRoot() is imported twice in one application. Import it once, in the root module: it is global.',
  FSK_TWO_COPIES: (what: string, place: string, here: string) =>
    `There are two copies of nestjs-flask-socket, which cannot work together: ${what} comes from the one in ${place}, and is used by the one in ${here}. Install only one: "npm ls nestjs-flask-socket" shows which packages depend on it, and a library should list it in its peerDependencies.`,
  FSK_MODULE_MISSING: (module: string) =>
    `${module} does not import FlaskSocketModule. Add FlaskSocketModule.forRoot() to its imports.`,
  FSK_ADAPTER_REPLACED: (adapter: string) =>
    `app.useWebSocketAdapter(${adapter}) created a second Socket.IO server for this application. Remove the call: FlaskSocketModule brings the adapter, and what it configured goes into FlaskSocketModule.forRoot({ server: … }).`,
  FSK_RESERVED_EVENT: (event: string, place: string) =>
    `Event name "${event}" is reserved by Socket.IO. ${place} cannot use it. Use @OnConnect() and @OnDisconnect() for connections, or choose another name.`,
  FSK_INVALID_EVENT: (place: string) =>
    `${place} has an invalid event name. An event name is a string of 1 to 128 characters.`,
  FSK_INVALID_NAMESPACE: (namespace: string, place: string) =>
    `Invalid namespace ${namespace} in ${place}. A namespace is "*" or starts with "/", may hold parameters that are whole segments ("/job/:id", not "/job-:id"), and has no spaces, commas or "?".`,
  FSK_INVALID_ROOM: (room: string) => `Invalid room ${room}. Rooms are named by a string or a number.`,
  FSK_RESERVED_ROOM: (room: string) =>
    `Room ${room} has the name of a user's room. Such a name is refused, because it may come from a client. Use user(id) for a user, and another name for a room.`,
  FSK_ROOM_OF_ANOTHER: (room: string) =>
    `Room ${room} is named like another client's sid: its members would receive what is sent to that client alone. Choose another name, for example \`game:\${sid}\`. Every client is in the room of its own sid already.`,
  FSK_TOO_MANY_ROOMS: (room: string, limit: number) =>
    `Room ${room} is not joined: the client is in ${limit} rooms by now, and limits.roomsPerConnection allows no more. Let it leave rooms that it needs no longer, or raise the limit.`,
  FSK_INVALID_USER: (id: string) =>
    `Invalid user id ${id}. A user id is a text that is not empty, or a finite number. Check option "identify", or the argument of user() or disconnectUser().`,
  FSK_IDENTIFY_TIMEOUT: (timeout: number) =>
    `Option "identify" did not answer within ${timeout} ms, so its client is refused. Check what it waits for.`,
  FSK_INVALID_EXPIRY: (value: string) =>
    `Invalid expiresAt ${value}. Set request.expiresAt to a Date, to milliseconds since 1970 (a JWT's exp times 1000), or to undefined for never.`,
  FSK_INVALID_ORDERING: (ordering: string, place: string) =>
    `Unknown ordering ${ordering} in ${place}. Use "serial" or "concurrent".`,
  FSK_DUPLICATE_HANDLER: (what: string, first: string, second: string) =>
    `Two handlers for ${what}: ${first} and ${second}. Remove one, or give it another event or namespace.`,
  FSK_CONNECT_OVERRIDDEN: (place: string, base: string) =>
    `${place} overrides ${base} without @OnConnect(), so neither would be called when a client connects. Repeat @OnConnect() and the other decorators of ${base} on ${place}, or rename the method.`,
  FSK_HANDLER_NOT_FUNCTION: (place: string) =>
    `${place} is not a method. Handler decorators go on methods of a class, and onEvent() and its siblings take a function.`,
  FSK_UNSUPPORTED_PARAMETER: (decorator: string, place: string) =>
    `${decorator} cannot be used in a Socket.IO handler. Remove it from ${place}; the page "Decorators" of the documentation lists the parameter decorators.`,
  FSK_REST_NOT_VALIDATED: (place: string) =>
    `The rest parameter of ${place} would not be validated by its ValidationPipe, because the compiler emits no class for it. Declare the arguments as one parameter, @Args(new ParseArrayPipe({ items: Item })) items: Item[], or as @Args() if they need no validation.`,
  FSK_SUBSCRIBE_MESSAGE: (place: string, event: string) =>
    `${place} has @SubscribeMessage(${event}), which Nest calls only in a class with @WebSocketGateway(), so it would never be called. Use @OnEvent(${event}) instead.`,
  FSK_GATEWAY_ELSEWHERE: (place: string, where: string) =>
    `${place} has a handler decorator without a namespace, in a @WebSocketGateway() of ${where}: it would serve "/" of the shared server. Name the namespace in the decorator (@OnEvent('event', '/namespace')), or move the method to a class with @SocketGateway('/namespace').`,
  FSK_SOCKET_PARAMETER: (position: number, place: string) =>
    `Parameter ${position} of ${place} is a Socket of socket.io without a decorator: it would get an argument that the client sent. Write @ConnectedSocket() before it.`,
  FSK_NO_CONTEXT: (name: string) =>
    `${name} works only while a Socket.IO handler runs, and none is running here. In a route, a job or a timer, inject SocketIO and use its methods.`,
  FSK_NO_SOCKET_REQUEST: (name: string) =>
    `${name} was used outside a Socket.IO event, for example by a provider that an HTTP route uses as well. Use the imported request and session there, or split the provider.`,
  FSK_NOT_READY: (name: string) =>
    `${name} is not available yet: the Socket.IO server is created while the application starts. Use it in onApplicationBootstrap() or after app.init() or app.listen().`,
  FSK_NO_SERVER: (name: string) =>
    `${name} needs the application's HTTP server, and this process has none: it was created with createApplicationContext(), createMicroservice() or TestingModule.init(). Use it in a process that clients connect to. Available here are emit, send, joinRoom, leaveRoom, closeRoom, disconnect and disconnectUser, which go through option "messageQueue".`,
  FSK_SESSION_UNAVAILABLE: (what: string) =>
    `The session could not be ${what}: its store or middleware failed, or took longer than option sessionTimeout. See the cause, and check that the store is up.`,
  FSK_SESSION_NOT_SERIALIZABLE: (key: string) =>
    `session[${key}] cannot be saved: it is cyclic, or contains a value that JSON cannot represent (a BigInt, for example). Nothing of this event's session was saved. Keep plain values in sessions.`,
  FSK_SESSION_NOT_USED: (place: string) =>
    `${place} has session: false, so the session was not read for it. Remove the option, or do not use the session there.`,
  FSK_SESSION_PLUGIN_MISSING: (plugin: string, made: string) =>
    `${made} found no ${plugin}: it is not registered on the application's Fastify instance. Register it in main.ts with await app.register(…), before app.listen().`,
  FSK_NOT_SERIALIZABLE: (event: string) =>
    `The data of ${event} cannot be sent: it is cyclic, too deeply nested, or contains a value that JSON cannot represent (a BigInt, for example). Send plain values, arrays, objects and bytes.`,
  FSK_CALL_TIMEOUT: (event: string, timeout: number) =>
    `The client did not acknowledge ${event} within ${timeout} ms. Raise option timeout, or check that the client's handler calls its callback.`,
  FSK_CALL_DISCONNECTED: (event: string) =>
    `The client disconnected before it acknowledged ${event}. Catch this error if that may happen.`,
  FSK_CALL_EVICTED: (event: string) =>
    `The client did not acknowledge ${event}, and owes more acknowledgements than limits.pendingAcknowledgements allows: this was the oldest. Check that the client's handlers call their callbacks, ask it less often, or raise the limit.`,
  FSK_CALL_ANSWER_TOO_LARGE: (event: string) =>
    `The client's acknowledgement of ${event} exceeds the limits of a packet: too many arguments, keys or items, or data nested too deeply. Let the client send less, or send it in parts.`,
  FSK_CALL_NO_RECIPIENT: (event: string) =>
    `call(${event}) found no connected client. Name one that is connected: { to: sid }.`,
  FSK_CALL_MANY_RECIPIENTS: (event: string) =>
    `call(${event}) was addressed to a room or to all clients, but only one client can answer. Name one sid, or call each of members(room).`,
  FSK_CALL_BEFORE_CONNECT: (event: string) =>
    `call(${event}) was used in @OnConnect(): the client is not connected until the handler has ended, so it cannot answer. Use emit(), or use call() in a later event.`,
  FSK_TEST_DISCONNECTED: (namespace: string) =>
    `The test client is not connected to namespace "${namespace}". Look at refusal(), or connect() again.`,
  FSK_TEST_TIMEOUT: (what: string, timeout: number, instead: string) =>
    `The test client waited ${timeout} ms for ${what}; ${instead}. Check the handler, or raise option timeout.`,
  FSK_TEST_INVALID_AGENT: () =>
    'Option "http" of createTestClient() has no cookies. Give it a supertest agent that has logged in (request.agent(app.getHttpServer())), or the text of a Cookie header.',
  FSK_TEST_UNEXPECTED: (what: string) => `The test client expected nothing, but ${what}.`,
} as const;

/** The codes of the library's errors, each explained in docs/reference/errors.md. */
export type FlaskSocketErrorCode = keyof typeof MESSAGES;

/** Every code, for documentation and tests. */
export const ERROR_CODES = Object.keys(MESSAGES) as FlaskSocketErrorCode[];

/**
 * An error of the library itself (yours pass through unchanged): `message` says what happened, where, and what
 * to do; `code` names it for programs; `cause` is the error behind it, if there is one.
 *
 * @example
 * ```ts
 * import { call, FlaskSocketError } from 'nestjs-flask-socket';
 *
 * const answer = await call('are you there').catch((error: unknown) => {
 *   if (error instanceof FlaskSocketError && error.code === 'FSK_CALL_TIMEOUT') return 'no';
 *   throw error;
 * });
 * ```
 */
export class FlaskSocketError extends Error {
  override readonly name = 'FlaskSocketError';

  constructor(
    /** For example `FSK_NO_CONTEXT`. */
    readonly code: FlaskSocketErrorCode,
    message: string,
    options?: { cause?: unknown }, // ErrorOptions is of ES2022; applications may compile for less
  ) {
    super(`${code}: ${message}`, options);
  }
}

/** Creates the error of a code. The details are those that its message takes. */
export function failure<C extends FlaskSocketErrorCode>(
  code: C,
  ...details: Parameters<(typeof MESSAGES)[C]>
): FlaskSocketError {
  return new FlaskSocketError(code, messageOf(code, details));
}

/** The same, with its cause. */
export function failureFrom<C extends FlaskSocketErrorCode>(
  cause: unknown,
  code: C,
  ...details: Parameters<(typeof MESSAGES)[C]>
): FlaskSocketError {
  return new FlaskSocketError(code, messageOf(code, details), { cause });
}

function messageOf(code: FlaskSocketErrorCode, details: readonly unknown[]): string {
  return (MESSAGES[code] as (...details: readonly unknown[]) => string)(...details);
}

/**
 * Thrown in `@OnConnect()`, refuses the connection: the client's `connect_error` gets `message` and `data`. It passes
 * the error handlers by.
 *
 * @see docs/getting-started.md#connection-events
 * @example
 * ```ts
 * import { Auth, ConnectionRefusedError, OnConnect, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class ChatGateway {
 *   @OnConnect()
 *   connect(@Auth() auth?: { token?: string }) {
 *     if (!auth?.token) throw new ConnectionRefusedError('no token', { retry: false });
 *   }
 * }
 * ```
 */
export class ConnectionRefusedError extends Error {
  override readonly name = 'ConnectionRefusedError';

  constructor(
    /** The text of the client's `connect_error`. Default: "Connection rejected by server". */
    message: string = CONNECTION_REJECTED,
    /** The `data` of the client's `connect_error`: anything JSON knows. */
    readonly data?: unknown,
  ) {
    super(message || CONNECTION_REJECTED);
  }
}
