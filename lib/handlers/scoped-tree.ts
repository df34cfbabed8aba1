import { REQUEST } from '@nestjs/core';
import { SocketRequest } from '../context/socket-request.js';
import { SocketSession } from '../context/socket-session.js';
import type { InstanceResolver } from './handler.js';
import { PARAMTYPES_METADATA, type InstanceWrapper } from './nest-internals.js';

type Constructor = new (...dependencies: unknown[]) => unknown;

/**
 * Builds request-scoped instances with plain constructor calls. Nest's container needs some 60 promises for each event;
 * here the dependencies are looked up once. It handles classes with constructor injection. It leaves anything else to the
 * container: factories, transient and durable providers, property injection, optional or missing dependencies, cycles,
 * aliases.
 */
export class ScopedTree {
  readonly #resolvers = new Map<InstanceWrapper, InstanceResolver<unknown> | undefined>();
  readonly #wrappers: InstanceWrapper[] = [];

  /** The resolver of a provider's instances. `undefined` if the container has to build them. */
  compile(wrapper: InstanceWrapper): InstanceResolver<unknown> | undefined {
    if (this.#resolvers.has(wrapper)) return this.#resolvers.get(wrapper);
    this.#resolvers.set(wrapper, undefined); // ends a cycle, which the container has to build
    const resolver = eventProvided(wrapper) ?? staticInstance(wrapper) ?? this.#scoped(wrapper);
    this.#resolvers.set(wrapper, resolver);
    return resolver;
  }

  /** The instances that were built here for an event, each with its provider. */
  built(request: SocketRequest): [InstanceWrapper, unknown][] {
    const { instances } = request;
    if (!instances) return [];
    return this.#wrappers.flatMap((wrapper, slot): [InstanceWrapper, unknown][] =>
      instances[slot] === undefined ? [] : [[wrapper, instances[slot]]],
    );
  }

  #scoped(wrapper: InstanceWrapper): InstanceResolver<unknown> | undefined {
    if (!isPlainScopedClass(wrapper)) return undefined;
    const resolvers = (wrapper.getCtorMetadata() ?? []).map((dependency) => this.compile(dependency));
    return resolvers.every((resolver) => resolver !== undefined)
      ? this.#inSlot(wrapper, resolvers)
      : undefined;
  }

  #inSlot(
    wrapper: InstanceWrapper,
    resolvers: readonly InstanceResolver<unknown>[],
  ): InstanceResolver<unknown> {
    const slot = this.#wrappers.push(wrapper) - 1;
    const build = constructorCall(wrapper.metatype as Constructor, resolvers);
    return (request) => {
      const instances = (request.instances ??= []);
      return (instances[slot] ??= builtByContainer(wrapper, request) ?? build(request));
    };
  }
}

/** A constructor call. Up to two dependencies need no array of arguments. */
function constructorCall(
  metatype: Constructor,
  resolvers: readonly InstanceResolver<unknown>[],
): InstanceResolver<unknown> {
  const [first, second] = resolvers;
  if (!first) return () => new metatype();
  if (!second) return (request) => new metatype(first(request));
  if (resolvers.length === 2) return (request) => new metatype(first(request), second(request));
  return (request) => new metatype(...resolvers.map((resolver) => resolver(request)));
}

/** The request and the session, which the event itself provides. */
function eventProvided({ token }: InstanceWrapper): InstanceResolver<unknown> | undefined {
  if (token === REQUEST || token === SocketRequest) return (request) => request;
  return token === SocketSession ? (request) => request.session : undefined;
}

/** The instance of a singleton. */
function staticInstance(wrapper: InstanceWrapper): InstanceResolver<unknown> | undefined {
  if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) return undefined;
  const { instance } = wrapper;
  return () => instance;
}

/** The instance that the container has built for the same event, for another handler. */
function builtByContainer(wrapper: InstanceWrapper, { contextId }: SocketRequest): unknown {
  if (!contextId) return undefined;
  const { isResolved, instance } = wrapper.getInstanceByContextId(contextId);
  return isResolved ? instance : undefined;
}

/** Whether it is a class whose constructor takes exactly the dependencies that the container knows. */
function isPlainScopedClass(wrapper: InstanceWrapper): boolean {
  const { metatype } = wrapper;
  if (wrapper.isNotMetatype || wrapper.isAlias || wrapper.isTransient || wrapper.forwardRef) return false;
  if (typeof metatype !== 'function' || wrapper.isDependencyTreeDurable()) return false;
  if ((wrapper.getPropertiesMetadata() ?? []).length > 0) return false;
  const dependencies = Array.from(wrapper.getCtorMetadata() ?? []);
  const declared = (Reflect.getMetadata(PARAMTYPES_METADATA, metatype) as unknown[] | undefined)?.length;
  return dependencies.length === (declared ?? metatype.length) && dependencies.every(Boolean);
}
