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
  type ExecutionTarget,
} from './handler.js';
import { CUSTOM_ROUTE_ARGS_METADATA, ROUTE_ARGS_METADATA } from './nest-internals.js';

/** The parameters of a method. */
export interface Signature {
  /** By index; parameters without a decorator are missing. */
  decorated: readonly (Parameter | undefined)[];
  /** The number of parameters that get a value even without an argument, so that their pipes see it. */
  declared: number;
  /** Whether the method receives arguments beyond those that it declares. */
  takesMore: boolean;
  /** The index of the rest parameter, to which further arguments belong. */
  rest: number | undefined;
}

/** What decorators and the compiler say about a method. */
export interface MethodDeclaration {
  decorated: readonly (Parameter | undefined)[];
  /** The types of its parameters, from `emitDecoratorMetadata`. Empty without it. */
  types: readonly unknown[];
  /** The function that was decorated. The present method may be a wrapper with other parameters. */
  source: (...values: never[]) => unknown;
  /** The pipes of all its parameters. */
  pipes: readonly Enhancer[];
  place: string;
}

/**
 * The parameters of a method. Where pipes are bound, they check each argument as the type of its parameter: further
 * arguments belong to the rest parameter, and without one they are not passed on.
 */
export function signatureOf({ decorated, types, source, pipes, place }: MethodDeclaration): Signature {
  const last = types.length - 1;
  if (pipes.length === 0) {
    const isEveryDecorated = last >= 0 && decorated.filter(Boolean).length >= types.length;
    return { decorated, declared: 0, takesMore: !isEveryDecorated, rest: undefined };
  }
  const isRest = hasRest(source) && !decorated[last < 0 ? source.length : last];
  if (last < 0) return { decorated, declared: source.length, takesMore: isRest, rest: undefined };
  if (isRest && types[last] === Array && pipes.some(validatesByType))
    throw failure('FSK_REST_NOT_VALIDATED', place);
  const declared = isRest ? last : types.length;
  return { decorated, declared, takesMore: isRest, rest: isRest ? last : undefined };
}

/** Whether a pipe validates by the parameter's class. For a rest parameter, some compilers only emit `Array`. */
function validatesByType({ instance, scoped }: Enhancer): boolean {
  const prototype = scoped ? (scoped.metatype as { prototype?: unknown } | null)?.prototype : instance;
  if (!(prototype instanceof ValidationPipe)) return false;
  return (prototype as unknown as { expectedType?: unknown }).expectedType === undefined; // protected in its type
}

/** Comments and strings in a parameter list, whose brackets and dots do not count. */
const TEXT_AND_COMMENTS = /\/\*[^]*?\*\/|\/\/.*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\[^]|[^`\\])*`/g;

/** Whether a function has a rest parameter. It reads the source text, because nothing else shows that. */
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

/** Reads a parameter's value from the event. */
export type ExtractValue = (request: SocketRequest, target: ExecutionTarget) => unknown;

/** A decorated parameter. */
export interface Parameter {
  index: number;
  /** `ArgumentMetadata.type`: `body` for payload, `query`, `param`, else `custom`. */
  type: 'body' | 'query' | 'param' | 'custom';
  data: string | undefined;
  schema: unknown;
  extract: ExtractValue;
  /** Pipes bound to the parameter itself: instances, or classes to be resolved. */
  pipes: readonly (PipeTransform | (abstract new () => PipeTransform))[];
}

/** Nest's metadata of a parameter decorator. */
interface ParameterMetadata {
  index: number;
  data?: unknown;
  schema?: unknown;
  pipes?: Parameter['pipes'];
  factory?: (data: unknown, context: ExecutionContext) => unknown;
}

const OWN_PARAMETERS: Record<ParameterKind, (request: SocketRequest) => unknown> = {
  sid: (request) => request.sid,
  namespace: (request) => request.namespace,
  auth: (request) => (request.event.message === 'connect' ? currentArgs(request)[0] : request.auth),
  reason: (request) => (request.event.message === 'disconnect' ? currentArgs(request)[0] : undefined),
  args: (request) => [...currentArgs(request)],
  user: (request) => request.user,
};

/** Our parameters with data of the client. Pipes treat them as they treat arguments. */
const PAYLOAD_KINDS: ReadonlySet<ParameterKind | undefined> = new Set(['auth', 'args']);

interface NestParameter {
  type: Parameter['type'];
  read(request: SocketRequest, data: string | undefined): unknown;
}

const fieldOf = (object: unknown, key: string | undefined) =>
  key === undefined ? object : (object as Record<string, unknown> | null | undefined)?.[key];

/** The parameters that engine.io's clients add to the query. They are hidden from a class that validates it. */
const ENGINE_QUERY: ReadonlySet<string> = new Set(['EIO', 'transport', 't', 'b64', 'j']);

const ownQuery = ({ query }: SocketRequest) =>
  Object.fromEntries(Object.entries(query).filter(([key]) => !ENGINE_QUERY.has(key)));

/** Nest's parameter decorators by their number. Those of @nestjs/websockets have the numbers of those for HTTP. */
const NEST_PARAMETERS: Record<number, NestParameter> = {
  0: { type: 'custom', read: currentClient }, // @ConnectedSocket(), @Req()
  3: { type: 'body', read: (request, data) => fieldOf(currentData(request), data) }, // @MessageBody(), @Body()
  4: {
    type: 'query',
    read: (request, data) => fieldOf(data === undefined ? ownQuery(request) : request.query, data),
  },
  5: { type: 'param', read: (request, data) => fieldOf(request.params, data) },
  6: { type: 'custom', read: (request, data) => fieldOf(request.headers, data?.toLowerCase()) },
  7: { type: 'custom', read: (request, data) => fieldOf(request.session, data) },
  11: { type: 'custom', read: (request) => request.address },
  13: { type: 'custom', read: currentAcknowledge }, // @Ack()
};
const ACK = '13';
const HTTP_ONLY = ['', '@Res()', '@Next()', '', '', '', '', '', '@UploadedFile()', '@UploadedFiles()', '@HostParam()', '', '@RawBody()']; // prettier-ignore

/** The decorated parameters of a method. The error about an HTTP decorator names `place`. */
export function parametersOf(declaration: Declaration, place: string): Parameter[] {
  return ownMetadataOf(declaration).map(([key, metadata]) => ({
    index: metadata.index,
    data: typeof metadata.data === 'string' ? metadata.data : undefined,
    schema: metadata.schema,
    pipes: metadata.pipes ?? [],
    ...(key.includes(CUSTOM_ROUTE_ARGS_METADATA)
      ? customParameter(metadata)
      : nestParameter(key, metadata, place)),
  }));
}

/** Whether a method itself acknowledges, through `@Ack()`. */
export function acknowledgesItself(declaration: Declaration): boolean {
  return ownMetadataOf(declaration).some(([key]) => key.split(':')[0] === ACK);
}

/** Whether any parameter of a method is decorated. */
export function hasDecoratedParameters(declaration: Declaration): boolean {
  return ownMetadataOf(declaration).length > 0;
}

/** The metadata of a method itself. Nest mixes it with that of the base method which it overrides. */
function ownMetadataOf({ metatype, method }: Declaration): [key: string, metadata: ParameterMetadata][] {
  const noted = metadataTable(Reflect.getOwnMetadata(ROUTE_ARGS_METADATA, metatype, method));
  const base = Object.getPrototypeOf(metatype) as object | null;
  const inherited = metadataTable(base && Reflect.getMetadata(ROUTE_ARGS_METADATA, base, method));
  return Object.entries(noted).filter(([key, metadata]) => inherited[key] !== metadata);
}

function metadataTable(metadata: unknown): Record<string, ParameterMetadata> {
  return (metadata ?? {}) as Record<string, ParameterMetadata>;
}

function customParameter({ factory, data }: ParameterMetadata): Pick<Parameter, 'type' | 'extract'> {
  const kind = factory && parameterKind(factory);
  const extract: ExtractValue = kind
    ? OWN_PARAMETERS[kind]
    : (request, target) => factory?.(data, executionContext(request, target));
  return { type: PAYLOAD_KINDS.has(kind) ? 'body' : 'custom', extract };
}

function nestParameter(
  key: string,
  { data }: ParameterMetadata,
  place: string,
): Pick<Parameter, 'type' | 'extract'> {
  const number = Number(key.split(':')[0]);
  const nest = NEST_PARAMETERS[number];
  if (!nest) throw failure('FSK_UNSUPPORTED_PARAMETER', HTTP_ONLY[number] || 'A parameter decorator', place);
  const name = typeof data === 'string' ? data : undefined;
  return { type: nest.type, extract: (request) => nest.read(request, name) };
}

/** An event with the arguments for the parameters. */
export interface EventArguments {
  request: SocketRequest;
  values: readonly unknown[];
  target: ExecutionTarget;
}
