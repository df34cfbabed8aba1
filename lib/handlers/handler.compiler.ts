import {
  type CanActivate,
  type ExceptionFilter,
  Inject,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { ANY } from '../common/constants.js';
import { ConnectionRefusedError } from '../common/errors.js';
import { chain } from '../common/thenable.js';
import type { AnyFunction } from '../context/connection.js';
import type { SocketRequest } from '../context/socket-request.js';
import { type HandlerMetadata, isAuthenticatedOnly, placeOf } from '../decorators/handler.metadata.js';
import {
  type Enhancer,
  type EnhancerSite,
  globalEnhancers,
  type Kind,
  localEnhancers,
  resolveEnhancer,
  scopedAmong,
  sourcesOf,
} from './enhancers.js';
import { currentArgs, executionContext, type Site } from './execution-context.js';
import { filtersOf } from './filters.js';
import { admit, hear } from './guards.js';
import { functionsOf, type Handler, type HandlerMethod, isSingle, type Passed, siteOf } from './handler.js';
import { intercept } from './interceptors.js';
import { isGatewayHook, withServer } from './nest-gateways.js';
import { type InstanceWrapper, PARAMTYPES_METADATA } from './nest-internals.js';
import { acknowledgesItself, type Parameter, parametersOf, signatureOf } from './parameters.js';
import { argumentsOf, isTrivial, metadataOf, type ParameterPlan } from './pipes.js';
import { noticing, resultOf } from './results.js';
import { ScopedInstances, type ScopedSet } from './scoped-instances.js';

type Run = Handler['run'];
type Method = (...values: unknown[]) => unknown;

/** Makes handlers of methods and functions: everything that can be known before the first event is found out here. */
@Injectable()
export class HandlerCompiler {
  constructor(
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ScopedInstances) private readonly scoped: ScopedInstances,
  ) {}

  /** The handler of a decorated method. */
  compile(handlerMethod: HandlerMethod): Handler {
    const { prototype, declaration, metadata } = handlerMethod;
    const site = siteOf(handlerMethod);
    const enhancers = this.#enhancersOf(handlerMethod, site);
    const parts = {
      ...handlerMethod,
      site,
      enhancers,
      set: this.scoped.setOf(scopedOf(handlerMethod, enhancers)),
    };
    const place = placeOf(prototype, declaration.method);
    return {
      place,
      module: handlerMethod.wrapper.host?.name,
      ordering: metadata.ordering,
      session: metadata.session,
      catchAll: metadata.event === ANY,
      acknowledgesItself: acknowledgesItself(declaration),
      ...stagesOf(parts, noticing(called(parts), { kind: metadata.kind, place })),
      filters: filtersOf(enhancers.filters, sourcesOf<ExceptionFilter>(enhancers.filters, parts.set), site),
      globalFilters: filtersOf(enhancers.globalFilters, sourcesOf(enhancers.globalFilters, parts.set), site),
    };
  }

  /** The handler of a function that was added at run time. */
  compileFunction(
    fn: AnyFunction,
    options: Pick<Handler, 'place' | 'catchAll' | 'ordering' | 'session'>,
  ): Handler {
    const method = fn as Method;
    const site: Site = { metatype: Object, method }; // functions have no class
    const globals = globalEnhancers({ config: this.config }, 'filters');
    const set = this.scoped.setOf(scopedAmong(globals));
    const call: Run = (request, values) => resultOf(method(...values), request, options.place);
    return {
      ...options,
      run: (request, values) => chain(set.prepare(request), () => call(request, values)),
      filters: [],
      globalFilters: filtersOf(globals, sourcesOf<ExceptionFilter>(globals, set), site),
    };
  }

  #enhancersOf(handlerMethod: HandlerMethod, site: Site): Enhancers {
    const { wrapper, prototype, declaration, metadata } = handlerMethod;
    const enhancerSite: EnhancerSite = {
      config: this.config,
      wrapper,
      metatype: site.metatype,
      functions: functionsOf(declaration, site),
    };
    const isErrorHandler = metadata.kind === 'error' || metadata.kind === 'errorDefault';
    const isBare = isErrorHandler || isGatewayHook(metadata.kind); // as in Nest
    const all = (kind: Kind) =>
      isBare ? [] : [...globalEnhancers(enhancerSite, kind), ...localEnhancers(enhancerSite, kind)];
    const parameters = parametersOf(declaration, placeOf(prototype, declaration.method));
    const isDeparture = metadata.kind === 'disconnect'; // nobody refuses one
    return {
      guards: isDeparture
        ? localEnhancers({ ...enhancerSite, metatype: undefined }, 'guards')
        : all('guards'),
      interceptors: all('interceptors'),
      pipes: all('pipes'),
      filters: isErrorHandler ? [] : localEnhancers(enhancerSite, 'filters'),
      globalFilters: globalEnhancers(enhancerSite, 'filters'),
      parameters,
      parameterPipes: parameters.map(({ pipes }) =>
        pipes.map((pipe) => resolveEnhancer(enhancerSite, pipe, 'pipes')),
      ),
    };
  }
}

interface Enhancers extends Record<Kind | 'globalFilters', readonly Enhancer[]> {
  parameters: readonly Parameter[];
  parameterPipes: readonly (readonly Enhancer[])[];
}

interface Parts extends HandlerMethod {
  site: Site;
  enhancers: Enhancers;
  set: ScopedSet;
}

/** The providers of a handler that differ from event to event. */
function scopedOf({ wrapper }: HandlerMethod, enhancers: Enhancers): InstanceWrapper[] {
  const { guards, interceptors, pipes, filters, globalFilters, parameterPipes } = enhancers;
  const own = isSingle(wrapper) ? [] : [wrapper];
  return [
    ...own,
    ...scopedAmong([guards, interceptors, pipes, filters, globalFilters, ...parameterPipes].flat()),
  ];
}

/** The method itself, its arguments in place. */
function called(parts: Parts): Run {
  const { wrapper, declaration, site, set } = parts;
  const { method } = declaration;
  const plan = planOf(parts);
  const { instance } = wrapper;
  const scoped = set.source<Record<string | symbol, Method>>(wrapper);
  const target = isSingle(wrapper) ? () => instance : withServer(parts.prototype, scoped);
  const place = placeOf(parts.prototype, method);
  const call = (request: SocketRequest, values: readonly unknown[]) =>
    resultOf(target(request)[method](...values), request, place);
  if (isTrivial(plan)) return call;
  return (request, values) => {
    const ready = argumentsOf(plan, { request, values, site });
    return Array.isArray(ready) ? call(request, ready) : ready.then((later) => call(request, later));
  };
}

/** The stages around the method. A stage without work is left out; the first one creates request-scoped instances. */
function stagesOf(parts: Parts, call: Run): Pick<Handler, 'guard' | 'run'> {
  const run = intercepted(parts, call);
  const guard = guardOf(parts);
  if (!isScoped(parts)) return guard ? { guard, run } : { run };
  const { set } = parts;
  if (!guard) return { run: (request, values) => chain(set.prepare(request), () => run(request, values)) };
  return { guard: (request) => chain(set.prepare(request), () => guard(request)), run };
}

function guardOf({ enhancers, set, site, declaration, metadata }: Parts): Handler['guard'] {
  const guards = sourcesOf<CanActivate>(enhancers.guards, set);
  const ask = metadata.kind === 'disconnect' ? hear : admit;
  const guard = (request: SocketRequest) => ask(guards, request, executionContext(request, site));
  if (!isAuthenticatedOnly(declaration)) return guards.length > 0 ? guard : undefined;
  return guards.length > 0 ? (request) => chain(guard(request), () => isKnown(request)) : isKnown;
}

function intercepted({ enhancers, set, site, metadata }: Parts, call: Run): Run {
  const interceptors = sourcesOf<NestInterceptor>(enhancers.interceptors, set);
  const hasEnhancers = enhancers.guards.length + interceptors.length > 0;
  const run = hasEnhancers ? withCurrentArgs(call, metadata) : call;
  if (interceptors.length === 0) return run;
  return (request, values) => {
    const context = executionContext(request, site);
    return intercept(interceptors, { request, context, next: () => run(request, values) });
  };
}

/** What guards and interceptors have put in place of the event's data is what the handler gets, as in Nest. */
function withCurrentArgs(call: Run, { event }: HandlerMetadata): Run {
  return (request, values) => {
    const args = currentArgs(request);
    if (event === ANY) return call(request, [values[0], ...args]);
    return call(request, args === request.event.args ? values : args);
  };
}

/** The guard of `@AuthenticatedOnly()`: without a user a connect is refused, and an event disconnects the client. */
function isKnown(request: SocketRequest): Passed {
  if (request.user !== undefined && request.user !== null) return;
  if (request.event.message === 'connect') throw new ConnectionRefusedError();
  request.connection.socket.disconnect();
  return false;
}

function isScoped(parts: Parts): boolean {
  return scopedOf(parts, parts.enhancers).length > 0;
}

function planOf({ enhancers, set, prototype, declaration, site }: Parts): ParameterPlan {
  const methodPipes = sourcesOf<PipeTransform>(enhancers.pipes, set);
  const decorated: Parameter[] = [];
  const pipes: ParameterPlan['pipes'][number][] = [];
  for (const [position, parameter] of enhancers.parameters.entries()) {
    decorated[parameter.index] = parameter;
    pipes[parameter.index] = [
      ...methodPipes,
      ...sourcesOf<PipeTransform>(enhancers.parameterPipes[position] ?? [], set),
    ];
  }
  const types = (Reflect.getOwnMetadata(PARAMTYPES_METADATA, declaration.prototype, declaration.method) ??
    []) as unknown[];
  const [source = site.method] = declaration.functions;
  const place = placeOf(prototype, declaration.method);
  return {
    ...signatureOf({ decorated, types, source, pipes: enhancers.pipes, place }),
    pipes,
    methodPipes,
    metadata: metadataOf(decorated, types),
  };
}
