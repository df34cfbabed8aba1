// Set up
export { FlaskSocketModule } from './flask-socket.module.js';
export { run } from './server/run/run.js';
export { fastifySessions, secureSessions } from './sessions/fastify-sessions.js';

// Receive
export { SocketGateway } from './decorators/socket-gateway.decorator.js';
export { OnEvent } from './decorators/on-event.decorator.js';
export { OnConnect } from './decorators/on-connect.decorator.js';
export { OnDisconnect } from './decorators/on-connect.decorator.js';
export { OnError } from './decorators/on-error.decorator.js';
export { OnErrorDefault } from './decorators/on-error.decorator.js';
export { AuthenticatedOnly } from './decorators/authenticated-only.decorator.js';
export { Args, Auth, CurrentUser, Namespace, Reason, Sid } from './decorators/parameters.decorator.js';
export { Headers, Ip, Param, Query, Session } from '@nestjs/common';
export { Ack, ConnectedSocket, MessageBody } from '@nestjs/websockets';

// The context of the event being handled
export { SocketRequest } from './context/socket-request.js';
export { SocketSession } from './context/socket-session.js';
export { currentApp, g, request, session } from './context/globals.js';

// Reply
export { emit } from './messaging/emit.js';
export { send } from './messaging/emit.js';
export { call } from './messaging/call.js';
export { args } from './common/args.js';
export { closeRoom, joinRoom, leaveRoom, rooms } from './messaging/rooms.js';
export { disconnect } from './messaging/disconnect.js';
export { user } from './common/address.js';

// Speak first
export { SocketIO } from './server/socket-io.service.js';
export { BackgroundTask, type BackgroundTaskOptions } from './server/background.js';

// Refuse
export { ConnectionRefusedError } from './common/errors.js';
export { FlaskSocketError } from './common/errors.js';

// Types
export type {
  FlaskSocketAsyncOptions,
  FlaskSocketOptionsFactory,
  ModuleExtras,
} from './flask-socket.module.js';
export type {
  FlaskSocketOptions,
  IdentifiedRequest,
  Identify,
  OriginCheck,
  Parser,
} from './common/options.js';
export type { FlaskSocketLogger } from './common/logger.js';
export type { RunOptions } from './server/run/run.js';
export type { EmitterModuleAsyncOptions, EmitterModuleOptions } from './server/emitter.module.js';
export type { EmitterOptions, EmitterQueue } from './emitter/emitter-options.js';
export type { LimitName, Limits, ServerLimits } from './common/limits.js';
export type { Health, QueueHealth } from './server/health.js';
export type {
  NamespaceAndOptions,
  OnEventArguments,
  OnEventOptions,
} from './decorators/on-event.decorator.js';
export type { Ordering } from './decorators/handler.metadata.js';
export type { ClientEvents, ServerEvents } from './common/typed-events.js';
export type { CurrentApp, SocketEvent } from './context/connection.js';
export type { EventGlobals, RequestUser } from './context/socket-request.js';
export type { SessionInterface, SessionMiddleware, SessionOption } from './common/session.js';
export type { SessionData } from './context/socket-session.js';
export type {
  CallOptions,
  ClientOptions,
  EmitCallback,
  EmitOptions,
  SendOptions,
} from './messaging/deliver.js';
export type { Member, Members } from './common/remote-clients.js';
export type { Room } from './common/address.js';
export type { UserId, UserRoom } from './common/address.js';
export type { BackgroundFunction } from './server/background.js';
export type { FlaskSocketErrorCode } from './common/errors.js';
