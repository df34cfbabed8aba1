import { REQUEST } from '@nestjs/core';
import { SocketRequest } from '../context/socket-request.js';
import { SocketSession } from '../context/socket-session.js';
import type { Source } from './handler.js';
import { PARAMTYPES_METADATA, type InstanceWrapper } from './nest-internals.js';

type Constructor = new (...dependencies: unknown[]) => unknown;

/**
 * Builds request-scoped instances with plain constructor calls: what Nest's container would do for each event in
 * some 60 promises is looked up once. It covers classes with constructor injection; for anything else (factories,
 * transient and durable providers, property injection, optional or missing dependencies, cycles, aliases) it
 * declines, and the container is asked instead.
 */
export class ScopedTree {
  readonly #sources = new Map<InstanceWrapper, Source<unknown> | undefined>();
  readonly #wrappers: InstanceWrapper[] = [];

  /** The source of a provider's instances, or nothing if the container has to build them. */
  compile(wrapper: InstanceWrapper): Source<unknown> | undefined {
    if (this.#sources.has(wrapper)) return this.#sources.get(wrapper);
    this.#sources.set(wrapper, undefined); // a cycle comes back here and declines
    const source = known(wrapper) ?? constant(wrapper) ?? this.#scoped(wrapper);
    this.#sources.set(wrapper, source);
    return source;
  }

  /** The instances that were built here for an event, with their providers. */
  built(request: SocketRequest): [InstanceWrapper, unknown][] {
    const { instances } = request;
    if (!instances) return [];
    return this.#wrappers.flatMap((wrapper, slot): [InstanceWrapper, unknown][] =>
      instances[slot] === undefined ? [] : [[wrapper, instances[slot]]],
    );
  }

  #scoped(wrapper: InstanceWrapper): Source<unknown> | undefined {
    if (!isPlainScopedClass(wrapper)) return undefined;
    const sources = (wrapper.getCtorMetadata() ?? []).map((dependency) => this.compile(dependency));
    return sources.every((source) => source !== undefined) ? this.#slotted(wrapper, sources) : undefined;
  }

  #slotted(wrapper: InstanceWrapper, sources: readonly Source<unknown>[]): Source<unknown> {
    const slot = this.#wrappers.push(wrapper) - 1;
    const build = construction(wrapper.metatype as Constructor, sources);
    return (request) => {
      const instances = (request.instances ??= []);
      return (instances[slot] ??= builtByContainer(wrapper, request) ?? build(request));
    };
  }
}

/** A constructor call; without a list of arguments where there are few. */
function construction(metatype: Constructor, sources: readonly Source<unknown>[]): Source<unknown> {
  const [first, second] = sources;
  if (!first) return () => new metatype();
  if (!second) return (request) => new metatype(first(request));
  if (sources.length === 2) return (request) => new metatype(first(request), second(request));
  return (request) => new metatype(...sources.map((source) => source(request)));
}

/** What the event itself provides. */
function known({ token }: InstanceWrapper): Source<unknown> | undefined {
  if (token === REQUEST || token === SocketRequest) return (request) => request;
  return token === SocketSession ? (request) => request.session : undefined;
}

/** What is the same for every event. */
function constant(wrapper: InstanceWrapper): Source<unknown> | undefined {
  if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) return undefined;
  const { instance } = wrapper;
  return () => instance;
}

/** The container may have built it for the same event already, on behalf of another handler. */
function builtByContainer(wrapper: InstanceWrapper, { contextId }: SocketRequest): unknown {
  if (!contextId) return undefined;
  const { isResolved, instance } = wrapper.getInstanceByContextId(contextId);
  return isResolved ? instance : undefined;
}

/** A class whose constructor takes exactly the dependencies that the container has noted. */
function isPlainScopedClass(wrapper: InstanceWrapper): boolean {
  const { metatype } = wrapper;
  if (wrapper.isNotMetatype || wrapper.isAlias || wrapper.isTransient || wrapper.forwardRef) return false;
  if (typeof metatype !== 'function' || wrapper.isDependencyTreeDurable()) return false;
  if ((wrapper.getPropertiesMetadata() ?? []).length > 0) return false;
  const dependencies = Array.from(wrapper.getCtorMetadata() ?? []);
  const declared = (Reflect.getMetadata(PARAMTYPES_METADATA, metatype) as unknown[] | undefined)?.length;
  return dependencies.length === (declared ?? metatype.length) && dependencies.every(Boolean);
}
