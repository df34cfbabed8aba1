import type { ApplicationConfig } from '@nestjs/core';
import type { Source } from './handler.js';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
  STATIC_CONTEXT,
  type InstanceWrapper,
} from './nest-internals.js';
import type { ScopedSet } from './scoped-instances.js';

/** Where enhancers are bound: a method of a provider. */
export interface EnhancerSite {
  config: ApplicationConfig;
  /** The provider; without one only what is bound globally applies. */
  wrapper?: InstanceWrapper;
  metatype?: object;
  /** What stands for the method: decorators that wrap it leave what was bound before on the function inside. */
  functions?: Iterable<object>;
}

/** The kinds of enhancers. */
export type Kind = keyof typeof KINDS;

/** A guard, interceptor, pipe or filter: a single instance, or a provider with one instance for each event. */
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

/** How Nest calls the kinds. */
export const SUBTYPES = {
  guards: 'guard',
  interceptors: 'interceptor',
  pipes: 'pipe',
  filters: 'filter',
} as const satisfies Record<Kind, string>;

const GLOBALS: Record<Kind, (config: ApplicationConfig) => [readonly unknown[], readonly InstanceWrapper[]]> =
  {
    guards: (config) => [config.getGlobalGuards(), config.getGlobalRequestGuards()],
    interceptors: (config) => [config.getGlobalInterceptors(), config.getGlobalRequestInterceptors()],
    pipes: (config) => [config.getGlobalPipes(), config.getGlobalRequestPipes()],
    filters: (config) => [config.getGlobalFilters(), config.getGlobalRequestFilters()],
  };

/** What is bound for the whole application: `app.useGlobal…()` and `APP_…` providers, request-scoped ones too. */
export function globalEnhancers({ config }: EnhancerSite, kind: Kind): Enhancer[] {
  const [instances, scoped] = GLOBALS[kind](config);
  return [
    ...instances.map((instance) => ({ instance, scoped: undefined })),
    ...scoped.map((wrapper) => ({ instance: undefined, scoped: wrapper })),
  ];
}

/** What `@UseGuards()` and its siblings bound to the class, then to the method. */
export function localEnhancers(site: EnhancerSite, kind: Kind): Enhancer[] {
  return boundTo(site, kind).map((enhancer) => resolveEnhancer(site, enhancer, kind));
}

/** The same as it was written: instances and classes. */
export function boundTo({ metatype, functions = [] }: EnhancerSite, kind: Kind): unknown[] {
  const { key } = KINDS[kind];
  const on = (target: object) => (Reflect.getMetadata(key, target) ?? []) as unknown[];
  return [...(metatype ? on(metatype) : []), ...new Set([...functions].flatMap(on))];
}

/** An enhancer as it was bound, an instance or a class that its module provides. */
export function resolveEnhancer({ wrapper }: EnhancerSite, bound: unknown, kind: Kind): Enhancer {
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

/** Where a handler's stages take their enhancers from. */
export function sourcesOf<T>(enhancers: readonly Enhancer[], set: ScopedSet): Source<T>[] {
  return enhancers.map(({ instance, scoped }) => (scoped ? set.source<T>(scoped) : () => instance as T));
}

/** The providers among enhancers that differ from event to event. */
export function scopedAmong(enhancers: readonly Enhancer[]): InstanceWrapper[] {
  return enhancers.flatMap(({ scoped }) => (scoped ? [scoped] : []));
}
