import type { ApplicationConfig } from '@nestjs/core';
import type { InstanceResolver } from './handler.js';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
  STATIC_CONTEXT,
  type InstanceWrapper,
} from './nest-internals.js';
import type { ScopedProviders } from './scoped-instances.js';

/** The method that enhancers are bound to. */
export interface EnhancerTarget {
  config: ApplicationConfig;
  /** The provider of the method. Without one, only global enhancers apply. */
  wrapper?: InstanceWrapper;
  metatype?: object;
  /** The method and the functions that it wraps: a wrapping decorator leaves earlier metadata on the inner function. */
  functions?: Iterable<object>;
}

/** The kinds of enhancers. */
export type EnhancerKind = keyof typeof KINDS;

/** A guard, interceptor, pipe or filter: one instance, or a provider with an instance for each event (`scoped`). */
export interface Enhancer {
  scoped: InstanceWrapper | undefined;
  instance: unknown;
}

const KINDS = {
  guards: { key: GUARDS_METADATA, method: 'canActivate' },
  interceptors: { key: INTERCEPTORS_METADATA, method: 'intercept' },
  pipes: { key: PIPES_METADATA, method: 'transform' },
  filters: { key: EXCEPTION_FILTERS_METADATA, method: 'catch' },
} as const;

/** Nest's names for the kinds. */
export const NEST_SUBTYPES = {
  guards: 'guard',
  interceptors: 'interceptor',
  pipes: 'pipe',
  filters: 'filter',
} as const satisfies Record<EnhancerKind, string>;

const GLOBALS: Record<
  EnhancerKind,
  (config: ApplicationConfig) => [readonly unknown[], readonly InstanceWrapper[]]
> = {
  guards: (config) => [config.getGlobalGuards(), config.getGlobalRequestGuards()],
  interceptors: (config) => [config.getGlobalInterceptors(), config.getGlobalRequestInterceptors()],
  pipes: (config) => [config.getGlobalPipes(), config.getGlobalRequestPipes()],
  filters: (config) => [config.getGlobalFilters(), config.getGlobalRequestFilters()],
};

/** The enhancers of the whole application: `app.useGlobal…()` and `APP_…` providers, also request-scoped ones. */
export function globalEnhancers({ config }: EnhancerTarget, kind: EnhancerKind): Enhancer[] {
  const [instances, scoped] = GLOBALS[kind](config);
  return [
    ...instances.map((instance) => ({ instance, scoped: undefined })),
    ...scoped.map((wrapper) => ({ instance: undefined, scoped: wrapper })),
  ];
}

/** The enhancers that `@UseGuards()` and the like have bound to the class, followed by those of the method. */
export function localEnhancers(target: EnhancerTarget, kind: EnhancerKind): Enhancer[] {
  return boundEnhancers(target, kind).map((enhancer) => resolveEnhancer(target, enhancer, kind));
}

/** The same as instances and classes, before their providers are looked up. */
export function boundEnhancers({ metatype, functions = [] }: EnhancerTarget, kind: EnhancerKind): unknown[] {
  const { key } = KINDS[kind];
  const on = (target: object) => (Reflect.getMetadata(key, target) ?? []) as unknown[];
  return [...(metatype ? on(metatype) : []), ...new Set([...functions].flatMap(on))];
}

/** Looks up the provider of an enhancer that was bound as a class. One that was bound as an instance is that instance. */
export function resolveEnhancer({ wrapper }: EnhancerTarget, bound: unknown, kind: EnhancerKind): Enhancer {
  if (typeof bound !== 'function') return { instance: bound, scoped: undefined };
  const provided = wrapper?.host?.injectables.get(bound);
  if (!provided) return { instance: bound, scoped: undefined };
  const instance: unknown = provided.getInstanceByContextId(STATIC_CONTEXT, wrapper?.id).instance;
  const usable = provided.isDependencyTreeStatic() && hasMethod(instance, KINDS[kind].method);
  return usable ? { instance, scoped: undefined } : { instance: undefined, scoped: provided };
}

function hasMethod(instance: unknown, method: string): boolean {
  return typeof (instance as Record<string, unknown> | null | undefined)?.[method] === 'function';
}

/** The functions that give a handler's stages their enhancers for an event. */
export function resolversOf<T>(
  enhancers: readonly Enhancer[],
  providers: ScopedProviders,
): InstanceResolver<T>[] {
  return enhancers.map(({ instance, scoped }) =>
    scoped ? providers.resolverOf<T>(scoped) : () => instance as T,
  );
}

/** The providers of those enhancers that are not singletons. */
export function scopedWrappersAmong(enhancers: readonly Enhancer[]): InstanceWrapper[] {
  return enhancers.flatMap(({ scoped }) => (scoped ? [scoped] : []));
}
