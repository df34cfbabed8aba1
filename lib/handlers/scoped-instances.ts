import { Inject, Injectable } from '@nestjs/common';
import { createContextId, ModuleRef } from '@nestjs/core';
import type { Connection } from '../context/connection.js';
import { SocketRequest } from '../context/socket-request.js';
import type { InstanceResolver } from './handler.js';
import {
  Injector,
  REQUEST_CONTEXT_ID,
  type ContextId,
  type InstanceWrapper,
  type Module,
} from './nest-internals.js';
import { ScopedTree } from './scoped-tree.js';

type InstanceDecorator = (target: unknown) => unknown;

/** The part of Nest's container that is read here. */
interface ContainerView {
  container: { contextOptions?: { instrument?: { instanceDecorator?: InstanceDecorator } } };
}

/** The durable instances of a connection. */
interface DurableInstances {
  contextId: ContextId;
  instances: Set<unknown>;
}

/** The providers of one handler that are not singletons. */
export interface ScopedProviders {
  /** Gives the instance of a provider for an event. `prepare()` must have been called for the event. */
  resolverOf<T>(wrapper: InstanceWrapper): InstanceResolver<T>;
  /** Lets the container build the instances of an event, unless they can be built directly. */
  prepare(request: SocketRequest): void | Promise<void>;
}

/**
 * The request of an event. An application finds the event's instances with
 * `moduleRef.resolve(X, ContextIdFactory.getByRequest(request))`.
 */
export class EventRequest extends SocketRequest {
  get [REQUEST_CONTEXT_ID](): object {
    return this.connection.runtime.contextIdOf(this);
  }
}

/**
 * Request-scoped instances: one set for each event, shared by all that takes part in it (promise K8). The container builds
 * those of a handler's first event, which completes its dependency metadata. If {@link ScopedTree} can then build all of
 * the handler's providers, it does so for later events.
 */
@Injectable()
export class ScopedInstances {
  readonly #tree = new ScopedTree();
  readonly #injector: Injector;
  readonly #instrumented: boolean;

  constructor(@Inject(ModuleRef) private readonly moduleRef: ModuleRef) {
    const { container } = moduleRef as unknown as ContainerView; // protected in its type
    const decorator = container.contextOptions?.instrument?.instanceDecorator;
    this.#instrumented = decorator !== undefined;
    this.#injector = new Injector({ preview: false, instanceDecorator: decorator });
  }

  /** The scoped providers of one handler. */
  providersFor(wrappers: readonly InstanceWrapper[]): ScopedProviders {
    const loadedFor = new WeakSet<SocketRequest>();
    let compiled: Map<InstanceWrapper, InstanceResolver<unknown>> | undefined;
    let isCompileTried = this.#instrumented;
    const isBuiltHere = (request: SocketRequest) =>
      compiled !== undefined && (request.contextId === undefined || !loadedFor.has(request));
    return {
      resolverOf: <T>(wrapper: InstanceWrapper): InstanceResolver<T> => {
        let build: InstanceResolver<unknown> | undefined;
        return (request) => {
          if (!isBuiltHere(request)) return containerInstance(wrapper, request) as T;
          build ??= compiled?.get(wrapper);
          return build?.(request) as T;
        };
      },
      prepare: (request) => {
        if (compiled || wrappers.length === 0) return undefined;
        return this.#load(wrappers, request).then(() => {
          loadedFor.add(request);
          if (!isCompileTried) compiled = this.#compileAll(wrappers);
          isCompileTried = true;
        });
      },
    };
  }

  /** Instantiates an enhancer that was added to its module after Nest has instantiated the others. */
  async load(wrapper: InstanceWrapper, module: Module): Promise<void> {
    await this.#injector.loadInjectable(wrapper as never, module);
  }

  /** Nest's context id of an event. Its parent for durable providers is the context id of the connection. */
  contextIdOf(request: SocketRequest): ContextId {
    if (request.contextId) return this.#shareBuilt(request, request.contextId);
    const contextId: ContextId = createContextId();
    const durable = () => durableInstances(request.connection).contextId;
    contextId.getParent = ({ isTreeDurable }) => (isTreeDurable ? durable() : contextId);
    Reflect.set(contextId, 'payload', request); // the REQUEST of durable providers
    request.contextId = contextId;
    this.moduleRef.registerRequestByContextId(request, contextId);
    return this.#shareBuilt(request, contextId);
  }

  /** The instances of an event, whose hooks are called at its end. */
  instancesOf(request: SocketRequest): Iterable<unknown> {
    const { instances = [], nestInstances: more } = request;
    return more ? new Set([...instances, ...more]) : instances;
  }

  /** The durable instances of a connection, whose hooks are called at its end. */
  durableInstancesOf(connection: Connection): Iterable<unknown> {
    return (connection.durable as DurableInstances | undefined)?.instances ?? [];
  }

  #compileAll(
    wrappers: readonly InstanceWrapper[],
  ): Map<InstanceWrapper, InstanceResolver<unknown>> | undefined {
    const resolvers = new Map<InstanceWrapper, InstanceResolver<unknown>>();
    for (const wrapper of wrappers) {
      const resolver = this.#tree.compile(wrapper);
      if (!resolver) return undefined;
      resolvers.set(wrapper, resolver);
    }
    return resolvers;
  }

  async #load(wrappers: readonly InstanceWrapper[], request: SocketRequest): Promise<void> {
    const contextId = this.contextIdOf(request);
    for (const wrapper of wrappers) await this.#loadOne(wrapper, contextId);
    for (const wrapper of scopedDependencies(wrappers)) trackInstance(wrapper, request);
  }

  async #loadOne(wrapper: InstanceWrapper, contextId: ContextId): Promise<void> {
    const { host, token } = wrapper;
    if (!host) return;
    const { providers, controllers, injectables } = host;
    const collection =
      [providers, controllers, injectables].find((each) => each.get(token) === wrapper) ?? injectables;
    const instance = (wrapper.instance ?? { constructor: wrapper.metatype }) as object;
    await this.#injector.loadPerContext(instance, host, collection, contextId, wrapper);
  }

  /** Tells the container the instances that were built without it. */
  #shareBuilt(request: SocketRequest, contextId: ContextId): ContextId {
    for (const [wrapper, instance] of this.#tree.built(request)) {
      const host = { instance, isResolved: true, isPending: false, isConstructorCalled: true };
      wrapper.setInstanceByContextId(contextId, host);
    }
    return contextId;
  }
}

function durableInstances(connection: Connection): DurableInstances {
  return (connection.durable ??= { contextId: createContextId(), instances: new Set() }) as DurableInstances;
}

/** The instance that the container has built for an event. */
function containerInstance(wrapper: InstanceWrapper, request: SocketRequest): unknown {
  const contextId: ContextId | undefined = request.contextId;
  if (!contextId || (wrapper.isDependencyTreeStatic() && !wrapper.isTransient)) return wrapper.instance;
  const isTreeDurable = !wrapper.isTransient && wrapper.isDependencyTreeDurable();
  const owner = contextId.getParent?.({ token: wrapper.token, isTreeDurable }) ?? contextId;
  return wrapper.getInstanceByContextId(owner, wrapper.id).instance;
}

/**
 * Keeps an instance that the container has constructed from a class, so that its hooks can be called. An instance of a
 * factory may be shared with others, so its hooks are not called.
 */
function trackInstance(wrapper: InstanceWrapper, request: SocketRequest): void {
  if (wrapper.isNotMetatype || wrapper.isAlias) return;
  const instance: unknown = containerInstance(wrapper, request);
  if (instance === undefined || instance === request || instance === request.session) return;
  if (wrapper.isDependencyTreeDurable()) durableInstances(request.connection).instances.add(instance);
  else (request.nestInstances ??= new Set()).add(instance);
}

/** Those of the providers and of their dependencies that are not singletons. */
function scopedDependencies(wrappers: readonly InstanceWrapper[]): Set<InstanceWrapper> {
  const found = new Set<InstanceWrapper>();
  const visit = (wrapper: InstanceWrapper) => {
    if (!wrapper || found.has(wrapper) || (wrapper.isDependencyTreeStatic() && !wrapper.isTransient)) return;
    found.add(wrapper);
    wrapper.getCtorMetadata()?.forEach(visit);
    wrapper.getPropertiesMetadata()?.forEach((property) => visit(property.wrapper));
  };
  wrappers.forEach(visit);
  return found;
}
