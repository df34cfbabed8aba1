import type { ExecutionContext, PipeTransform } from '@nestjs/common';
import { failure } from '../common/errors.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Declaration } from '../decorators/handler.metadata.js';
import { parameterKind, type ParameterKind } from '../decorators/parameters.decorator.js';
import { currentAcknowledge, currentArgs, currentClient, currentData, executionContext, type Site } from './execution-context.js'; // prettier-ignore
import { CUSTOM_ROUTE_ARGS_METADATA, ROUTE_ARGS_METADATA } from './nest-internals.js';

/** Takes a parameter's value from the event. */
export type Extract = (request: SocketRequest, site: Site) => unknown;

/** A decorated parameter. */
export interface Parameter {
  index: number;
  /** What pipes are told: `body` for payload, `query`, `param`, else `custom`. */
  type: 'body' | 'query' | 'param' | 'custom';
  data: string | undefined;
  schema: unknown;
  extract: Extract;
  /** Pipes bound to the parameter itself: instances, or classes to be resolved. */
  pipes: readonly (PipeTransform | (abstract new () => PipeTransform))[];
}

/** How Nest notes a parameter decorator. */
interface ParameterMetadata {
  index: number;
  data?: unknown;
  schema?: unknown;
  pipes?: Parameter['pipes'];
  factory?: (data: unknown, context: ExecutionContext) => unknown;
}

const OURS: Record<ParameterKind, (request: SocketRequest) => unknown> = {
  sid: (request) => request.sid,
  namespace: (request) => request.namespace,
  auth: (request) => (request.event.message === 'connect' ? currentArgs(request)[0] : request.auth),
  reason: (request) => (request.event.message === 'disconnect' ? currentArgs(request)[0] : undefined),
  args: (request) => [...currentArgs(request)],
  user: (request) => request.user,
};

/** Those of ours that carry what the client sent: pipes treat them as they treat arguments. */
const PAYLOAD: ReadonlySet<ParameterKind | undefined> = new Set(['auth', 'args']);

interface NestParameter {
  type: Parameter['type'];
  read(request: SocketRequest, data: string | undefined): unknown;
}

const field = (object: unknown, key: string | undefined) =>
  key === undefined ? object : (object as Record<string, unknown> | null | undefined)?.[key];

/** What engine.io's clients add to the query: no class that describes an application's parameters knows them. */
const ENGINE_QUERY: ReadonlySet<string> = new Set(['EIO', 'transport', 't', 'b64', 'j']);

const ownQuery = ({ query }: SocketRequest) =>
  Object.fromEntries(Object.entries(query).filter(([key]) => !ENGINE_QUERY.has(key)));

/** Nest's own parameter decorators by their number; those of @nestjs/websockets share numbers with HTTP's. */
const NEST: Record<number, NestParameter> = {
  0: { type: 'custom', read: currentClient }, // @ConnectedSocket(), @Req()
  3: { type: 'body', read: (request, data) => field(currentData(request), data) }, // @MessageBody(), @Body()
  4: {
    type: 'query',
    read: (request, data) => field(data === undefined ? ownQuery(request) : request.query, data),
  },
  5: { type: 'param', read: (request, data) => field(request.params, data) },
  6: { type: 'custom', read: (request, data) => field(request.headers, data?.toLowerCase()) },
  7: { type: 'custom', read: (request, data) => field(request.session, data) },
  11: { type: 'custom', read: (request) => request.address },
  13: { type: 'custom', read: currentAcknowledge }, // @Ack()
};
const ACK = '13';
const HTTP_ONLY = ['', '@Res()', '@Next()', '', '', '', '', '', '@UploadedFile()', '@UploadedFiles()', '@HostParam()', '', '@RawBody()']; // prettier-ignore

/** The decorated parameters of a method, by index. `place` is for the error of one that has no meaning here. */
export function parametersOf(declaration: Declaration, place: string): Parameter[] {
  return notedFor(declaration).map(([key, metadata]) => ({
    index: metadata.index,
    data: typeof metadata.data === 'string' ? metadata.data : undefined,
    schema: metadata.schema,
    pipes: metadata.pipes ?? [],
    ...(key.includes(CUSTOM_ROUTE_ARGS_METADATA) ? custom(metadata) : nests(key, metadata, place)),
  }));
}

/** Whether a method acknowledges by itself, through `@Ack()`. */
export function acknowledgesItself(declaration: Declaration): boolean {
  return notedFor(declaration).some(([key]) => key.split(':')[0] === ACK);
}

/** Whether any parameter of a method is decorated. */
export function hasParameters(declaration: Declaration): boolean {
  return notedFor(declaration).length > 0;
}

/** What stands at a method itself: Nest mixes it with what a base class has for the method that this one overrides. */
function notedFor({ metatype, method }: Declaration): [key: string, metadata: ParameterMetadata][] {
  const noted = notes(Reflect.getOwnMetadata(ROUTE_ARGS_METADATA, metatype, method));
  const base = Object.getPrototypeOf(metatype) as object | null;
  const inherited = notes(base && Reflect.getMetadata(ROUTE_ARGS_METADATA, base, method));
  return Object.entries(noted).filter(([key, metadata]) => inherited[key] !== metadata);
}

function notes(metadata: unknown): Record<string, ParameterMetadata> {
  return (metadata ?? {}) as Record<string, ParameterMetadata>;
}

function custom({ factory, data }: ParameterMetadata): Pick<Parameter, 'type' | 'extract'> {
  const kind = factory && parameterKind(factory);
  const extract: Extract = kind
    ? OURS[kind]
    : (request, site) => factory?.(data, executionContext(request, site));
  return { type: PAYLOAD.has(kind) ? 'body' : 'custom', extract };
}

function nests(key: string, { data }: ParameterMetadata, place: string): Pick<Parameter, 'type' | 'extract'> {
  const number = Number(key.split(':')[0]);
  const nest = NEST[number];
  if (!nest) throw failure('FSK_UNSUPPORTED_PARAMETER', HTTP_ONLY[number] || 'A parameter decorator', place);
  const name = typeof data === 'string' ? data : undefined;
  return { type: nest.type, extract: (request) => nest.read(request, name) };
}

/** An event whose arguments go to parameters. */
export interface Collected {
  request: SocketRequest;
  values: readonly unknown[];
  site: Site;
}
