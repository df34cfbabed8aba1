import { type ExecutionContext, type PipeTransform, ValidationPipe } from '@nestjs/common';
import { failure } from '../common/errors.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Declaration } from '../decorators/handler.metadata.js';
import { parameterKind, type ParameterKind } from '../decorators/parameters.decorator.js';
import type { Enhancer } from './enhancers.js';
import {
  currentAcknowledge,
  currentArgs,
  currentClient,
  currentData,
  executionContext,
  type Site,
} from './execution-context.js';
import { CUSTOM_ROUTE_ARGS_METADATA, ROUTE_ARGS_METADATA } from './nest-internals.js';

/** The parameters of a method. */
export interface Signature {
  /** By index; parameters without a decorator are missing. */
  decorated: readonly (Parameter | undefined)[];
  /** How many parameters get a value even where no argument has come for them: their pipes are to see it. */
  declared: number;
  /** Whether the method takes more arguments than it declares. */
  takesMore: boolean;
  /** Which parameter further arguments belong to: a rest parameter. Without one nothing is known of them. */
  rest: number | undefined;
}

/** What is known of a method's declaration. */
export interface Declared {
  decorated: readonly (Parameter | undefined)[];
  /** The types of its parameters, as the compiler has written them down; empty where it has not. */
  types: readonly unknown[];
  /** The function that was decorated: what stands for the method now may be a wrapper that takes anything. */
  source: (...values: never[]) => unknown;
  /** The pipes of all its parameters. */
  pipes: readonly Enhancer[];
  place: string;
}

/**
 * What parameters a method has. Where pipes are bound, nothing reaches it that they have not seen as what it is
 * declared to be: further arguments belong to the rest parameter, and without one they are not passed on.
 */
export function signatureOf({ decorated, types, source, pipes, place }: Declared): Signature {
  const last = types.length - 1;
  if (pipes.length === 0) {
    const isEveryDecorated = last >= 0 && decorated.filter(Boolean).length >= types.length;
    return { decorated, declared: 0, takesMore: !isEveryDecorated, rest: undefined };
  }
  const isRest = hasRest(source) && !decorated[last < 0 ? source.length : last];
  if (last < 0) return { decorated, declared: source.length, takesMore: isRest, rest: undefined };
  if (isRest && types[last] === Array && pipes.some(needsType))
    throw failure('FSK_REST_NOT_VALIDATED', place);
  const declared = isRest ? last : types.length;
  return { decorated, declared, takesMore: isRest, rest: isRest ? last : undefined };
}

/** Whether a pipe validates by the parameter's class. Some compilers write `Array` for a rest parameter of any class. */
function needsType({ instance, scoped }: Enhancer): boolean {
  const prototype = scoped ? (scoped.metatype as { prototype?: unknown } | null)?.prototype : instance;
  if (!(prototype instanceof ValidationPipe)) return false;
  return (prototype as unknown as { expectedType?: unknown }).expectedType === undefined; // protected in its type
}

/** What may stand in a parameter list and contain brackets or dots that are none. */
const TEXT_AND_COMMENTS = /\/\*[^]*?\*\/|\/\/.*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\[^]|[^`\\])*`/g;

/** Whether a function has a rest parameter; only its source text shows that. */
export function hasRest(source: (...values: never[]) => unknown): boolean {
  const tokens =
    String(source)
      .replace(TEXT_AND_COMMENTS, '')
      .match(/\.\.\.|[()[\]{}]/g) ?? [];
  let depth = 0;
  let isInParameters = false;
  for (const token of tokens) {
    if (isInParameters && depth === 1 && token === '...') return true;
    if ('([{'.includes(token)) {
      isInParameters ||= depth === 0 && token === '(';
      depth++;
    } else if (')]}'.includes(token) && --depth === 0 && isInParameters) return false;
  }
  return false;
}

/** Takes a parameter's value from the event. */
export type Extract = (request: SocketRequest, site: Site) => unknown;

/** A decorated parameter. */
export interface Parameter {
  index: number;
  /** `ArgumentMetadata.type`: `body` for payload, `query`, `param`, else `custom`. */
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

/** Nest's parameter decorators by their number; @nestjs/websockets and HTTP share the numbers. */
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
