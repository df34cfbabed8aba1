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
import { chain } from '../common/thenable.js';
import type { AnyFunction } from '../context/connection.js';
import type { SocketRequest } from '../context/socket-request.js';
import { type HandlerMetadata, isAuthenticatedOnly, placeOf } from '../decorators/handler.metadata.js';
import {
  type Enhancer,
  type EnhancerKind,
  type EnhancerTarget,
  globalEnhancers,
  localEnhancers,
  resolveEnhancer,
  resolversOf,
  scopedWrappersAmong,
} from './enhancers.js';
import { compileFilters } from './filters.js';
import { requireUser, runDisconnectGuards, runGuards } from './guards.js';
import {
  currentArgs,
  decoratedFunctionsOf,
  executionContext,
  type ExecutionTarget,
  executionTargetOf,
  type Handler,
  type HandlerMethod,
  isSingleton,
} from './handler.js';
import { intercept } from './interceptors.js';
import { isGatewayHook, withInjectedServer } from './nest-gateways.js';
import { type InstanceWrapper, PARAMTYPES_METADATA } from './nest-internals.js';
import { acknowledgesItself, type Parameter, parametersOf, signatureOf } from './parameters.js';
import { argumentMetadataOf, argumentsOf, isPassThrough, type ParameterPlan } from './pipes.js';
import { normalizeResult, withResponseWarning } from './results.js';
import { ScopedInstances, type ScopedProviders } from './scoped-instances.js';

type Run = Handler['run'];
type Method = (...values: unknown[]) => unknown;

/** Compiles methods and functions into handlers. All that is known before the first event is looked up here, once. */
@Injectable()
export class HandlerCompiler {
  constructor(
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ScopedInstances) private readonly scoped: ScopedInstances,
  ) {}

  /** Compiles a decorated method. */
  compile(handlerMethod: HandlerMethod): Handler {
    const { prototype, declaration, metadata } = handlerMethod;
    const target = executionTargetOf(handlerMethod);
    const enhancers = this.#enhancersOf(handlerMethod, target);
    const parts = {
      ...handlerMethod,
      target,
      enhancers,
      scopedProviders: this.scoped.providersFor(scopedWrappersOf(handlerMethod, enhancers)),
    };
    const place = placeOf(prototype, declaration.method);
    return {
      place,
      module: handlerMethod.wrapper.host?.name,
      ordering: metadata.ordering,
      session: metadata.session,
      catchAll: metadata.event === ANY,
      acknowledgesItself: acknowledgesItself(declaration),
      ...compileStages(parts, withResponseWarning(compileCall(parts), { kind: metadata.kind, place })),
      filters: compileFilters(
        enhancers.filters,
        resolversOf<ExceptionFilter>(enhancers.filters, parts.scopedProviders),
        target,
      ),
      globalFilters: compileFilters(
        enhancers.globalFilters,
        resolversOf(enhancers.globalFilters, parts.scopedProviders),
        target,
      ),
    };
  }

  /** Compiles a function that was added at run time. */
  compileFunction(
    fn: AnyFunction,
    options: Pick<Handler, 'place' | 'catchAll' | 'ordering' | 'session'>,
  ): Handler {
    const method = fn as Method;
    const target: ExecutionTarget = { metatype: Object, method }; // functions have no class
    const globals = globalEnhancers({ config: this.config }, 'filters');
    const scopedProviders = this.scoped.providersFor(scopedWrappersAmong(globals));
    const call: Run = (request, values) => normalizeResult(method(...values), request, options.place);
    return {
      ...options,
      run: (request, values) => chain(scopedProviders.prepare(request), () => call(request, values)),
      filters: [],
      globalFilters: compileFilters(globals, resolversOf<ExceptionFilter>(globals, scopedProviders), target),
    };
  }

  #enhancersOf(handlerMethod: HandlerMethod, target: ExecutionTarget): Enhancers {
    const { wrapper, prototype, declaration, metadata } = handlerMethod;
    const enhancerTarget: EnhancerTarget = {
      config: this.config,
      wrapper,
      metatype: target.metatype,
      functions: decoratedFunctionsOf(declaration, target),
    };
    const isErrorHandler = metadata.kind === 'error' || metadata.kind === 'errorDefault';
    const isBare = isErrorHandler || isGatewayHook(metadata.kind); // no enhancers but filters, as in Nest
    const all = (kind: EnhancerKind) =>
      isBare ? [] : [...globalEnhancers(enhancerTarget, kind), ...localEnhancers(enhancerTarget, kind)];
    const parameters = parametersOf(declaration, placeOf(prototype, declaration.method));
    const isDisconnect = metadata.kind === 'disconnect'; // only guards on the method itself: a disconnect cannot be refused
    return {
      guards: isDisconnect
        ? localEnhancers({ ...enhancerTarget, metatype: undefined }, 'guards')
        : all('guards'),
      interceptors: all('interceptors'),
      pipes: all('pipes'),
      filters: isErrorHandler ? [] : localEnhancers(enhancerTarget, 'filters'),
      globalFilters: globalEnhancers(enhancerTarget, 'filters'),
      parameters,
      parameterPipes: parameters.map(({ pipes }) =>
        pipes.map((pipe) => resolveEnhancer(enhancerTarget, pipe, 'pipes')),
      ),
    };
  }
}

interface Enhancers extends Record<EnhancerKind | 'globalFilters', readonly Enhancer[]> {
  parameters: readonly Parameter[];
  parameterPipes: readonly (readonly Enhancer[])[];
}

interface HandlerParts extends HandlerMethod {
  target: ExecutionTarget;
  enhancers: Enhancers;
  scopedProviders: ScopedProviders;
}

/** The providers of a handler that are not singletons. */
function scopedWrappersOf({ wrapper }: HandlerMethod, enhancers: Enhancers): InstanceWrapper[] {
  const { guards, interceptors, pipes, filters, globalFilters, parameterPipes } = enhancers;
  const own = isSingleton(wrapper) ? [] : [wrapper];
  return [
    ...own,
    ...scopedWrappersAmong([guards, interceptors, pipes, filters, globalFilters, ...parameterPipes].flat()),
  ];
}

/** Calls the method with the arguments that it declares. */
function compileCall(parts: HandlerParts): Run {
  const { wrapper, declaration, target, scopedProviders } = parts;
  const { method } = declaration;
  const plan = parameterPlanOf(parts);
  const { instance } = wrapper;
  const resolve = scopedProviders.resolverOf<Record<string | symbol, Method>>(wrapper);
  const instanceFor = isSingleton(wrapper) ? () => instance : withInjectedServer(parts.prototype, resolve);
  const place = placeOf(parts.prototype, method);
  const call = (request: SocketRequest, values: readonly unknown[]) =>
    normalizeResult(instanceFor(request)[method](...values), request, place);
  if (isPassThrough(plan)) return call;
  return (request, values) => {
    const ready = argumentsOf(plan, { request, values, target });
    return Array.isArray(ready) ? call(request, ready) : ready.then((later) => call(request, later));
  };
}

/** The stages around the method. One without work is left out. The first one creates request-scoped instances. */
function compileStages(parts: HandlerParts, call: Run): Pick<Handler, 'guard' | 'run'> {
  const run = compileInterceptors(parts, call);
  const guard = compileGuards(parts);
  if (scopedWrappersOf(parts, parts.enhancers).length === 0) return guard ? { guard, run } : { run };
  const { scopedProviders } = parts;
  if (!guard)
    return { run: (request, values) => chain(scopedProviders.prepare(request), () => run(request, values)) };
  return { guard: (request) => chain(scopedProviders.prepare(request), () => guard(request)), run };
}

function compileGuards({
  enhancers,
  scopedProviders,
  target,
  declaration,
  metadata,
}: HandlerParts): Handler['guard'] {
  const guards = resolversOf<CanActivate>(enhancers.guards, scopedProviders);
  const callGuards = metadata.kind === 'disconnect' ? runDisconnectGuards : runGuards;
  const guard = (request: SocketRequest) => callGuards(guards, request, executionContext(request, target));
  if (!isAuthenticatedOnly(declaration)) return guards.length > 0 ? guard : undefined;
  return guards.length > 0 ? (request) => chain(guard(request), () => requireUser(request)) : requireUser;
}

function compileInterceptors({ enhancers, scopedProviders, target, metadata }: HandlerParts, call: Run): Run {
  const interceptors = resolversOf<NestInterceptor>(enhancers.interceptors, scopedProviders);
  const hasEnhancers = enhancers.guards.length + interceptors.length > 0;
  const run = hasEnhancers ? withCurrentArgs(call, metadata) : call;
  if (interceptors.length === 0) return run;
  return (request, values) => {
    const context = executionContext(request, target);
    return intercept(interceptors, { request, context, next: () => run(request, values) });
  };
}

/** Passes on the data of the execution context, which guards and interceptors may have replaced, as in Nest. */
function withCurrentArgs(call: Run, { event }: HandlerMetadata): Run {
  return (request, values) => {
    const args = currentArgs(request);
    if (event === ANY) return call(request, [values[0], ...args]);
    return call(request, args === request.event.args ? values : args);
  };
}

function parameterPlanOf({
  enhancers,
  scopedProviders,
  prototype,
  declaration,
  target,
}: HandlerParts): ParameterPlan {
  const methodPipes = resolversOf<PipeTransform>(enhancers.pipes, scopedProviders);
  const decorated: Parameter[] = [];
  const pipes: ParameterPlan['pipes'][number][] = [];
  for (const [position, parameter] of enhancers.parameters.entries()) {
    decorated[parameter.index] = parameter;
    pipes[parameter.index] = [
      ...methodPipes,
      ...resolversOf<PipeTransform>(enhancers.parameterPipes[position] ?? [], scopedProviders),
    ];
  }
  const types = (Reflect.getOwnMetadata(PARAMTYPES_METADATA, declaration.prototype, declaration.method) ??
    []) as unknown[];
  const [source = target.method] = declaration.functions;
  const place = placeOf(prototype, declaration.method);
  return {
    ...signatureOf({ decorated, types, source, pipes: enhancers.pipes, place }),
    pipes,
    methodPipes,
    metadata: argumentMetadataOf(decorated, types),
  };
}
