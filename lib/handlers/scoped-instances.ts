import { Inject, Injectable } from '@nestjs/common';
import { createContextId, ModuleRef } from '@nestjs/core';
import type { Connection } from '../context/connection.js';
import { SocketRequest } from '../context/socket-request.js';
import type { Source } from './handler.js';
import {
  Injector,
  REQUEST_CONTEXT_ID,
  type ContextId,
  type InstanceWrapper,
  type Module,
} from './nest-internals.js';
import { ScopedTree } from './scoped-tree.js';

type InstanceDecorator = (target: unknown) => unknown;

/** What `ModuleRef` keeps of the container. */
interface ContainerView {
  container: { contextOptions?: { instrument?: { instanceDecorator?: InstanceDecorator } } };
}

/** Where a connection's durable instances live. */
interface DurableInstances {
  contextId: ContextId;
  instances: Set<unknown>;
}

/** The providers of one handler that are not the same for every event. */
export interface ScopedSet {
  /** The instance of one of them for an event; the event must have been prepared. */
  source<T>(wrapper: InstanceWrapper): Source<T>;
  /** Before an event: asks the container where the instances cannot be built directly. */
  prepare(request: SocketRequest): void | Promise<void>;
}

/**
 * The request of an event. `moduleRef.resolve(X, ContextIdFactory.getByRequest(request))` in an application finds this
 * event's instances by it.
 */
export class EventRequest extends SocketRequest {
  get [REQUEST_CONTEXT_ID](): object {
    return this.connection.runtime.contextIdOf(this);
  }
}

/**
 * Request-scoped instances, one set per event, shared by everything that takes part in it (promise K8). The
 * container builds a handler's first event, so that its notes are complete; where {@link ScopedTree} covers all
 * of a handler's providers, later events are built without it.
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

  /** The set of one handler's providers. */
  setOf(wrappers: readonly InstanceWrapper[]): ScopedSet {
    const loadedFor = new WeakSet<SocketRequest>();
    let compiled: Map<InstanceWrapper, Source<unknown>> | undefined;
    let tried = this.#instrumented;
    const isBuiltHere = (request: SocketRequest) =>
      compiled !== undefined && (request.contextId === undefined || !loadedFor.has(request));
    return {
      source: <T>(wrapper: InstanceWrapper): Source<T> => {
        let build: Source<unknown> | undefined;
        return (request) => {
          if (!isBuiltHere(request)) return loaded(wrapper, request) as T;
          build ??= compiled?.get(wrapper);
          return build?.(request) as T;
        };
      },
      prepare: (request) => {
        if (compiled || wrappers.length === 0) return undefined;
        return this.#load(wrappers, request).then(() => {
          loadedFor.add(request);
          if (!tried) compiled = this.#compileAll(wrappers);
          tried = true;
        });
      },
    };
  }

  /** Instantiates an enhancer that was added to its module after the start, as Nest does during it. */
  async load(wrapper: InstanceWrapper, module: Module): Promise<void> {
    await this.#injector.loadInjectable(wrapper as never, module);
  }

  /** Nest's context id of an event; its durable providers belong to the connection. */
  contextIdOf(request: SocketRequest): ContextId {
    if (request.contextId) return this.#share(request, request.contextId);
    const contextId: ContextId = createContextId();
    const durable = () => durableInstances(request.connection).contextId;
    contextId.getParent = ({ isTreeDurable }) => (isTreeDurable ? durable() : contextId);
    Reflect.set(contextId, 'payload', request); // what a durable provider gets as REQUEST
    request.contextId = contextId;
    this.moduleRef.registerRequestByContextId(request, contextId);
    return this.#share(request, contextId);
  }

  /** The instances of an event, for their hooks at its end. */
  instancesOf(request: SocketRequest): Iterable<unknown> {
    const { instances = [], nestInstances: more } = request;
    return more ? new Set([...instances, ...more]) : instances;
  }

  /** The durable instances of a connection, for their hooks at its end. */
  durableInstancesOf(connection: Connection): Iterable<unknown> {
    return (connection.durable as DurableInstances | undefined)?.instances ?? [];
  }

  #compileAll(wrappers: readonly InstanceWrapper[]): Map<InstanceWrapper, Source<unknown>> | undefined {
    const sources = new Map<InstanceWrapper, Source<unknown>>();
    for (const wrapper of wrappers) {
      const source = this.#tree.compile(wrapper);
      if (!source) return undefined;
      sources.set(wrapper, source);
    }
    return sources;
  }

  async #load(wrappers: readonly InstanceWrapper[], request: SocketRequest): Promise<void> {
    const contextId = this.contextIdOf(request);
    for (const wrapper of wrappers) await this.#loadOne(wrapper, contextId);
    for (const wrapper of scopedBelow(wrappers)) note(wrapper, request);
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

  /** Instances that were built without the container become known to it. */
  #share(request: SocketRequest, contextId: ContextId): ContextId {
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
function loaded(wrapper: InstanceWrapper, request: SocketRequest): unknown {
  const contextId: ContextId | undefined = request.contextId;
  if (!contextId || (wrapper.isDependencyTreeStatic() && !wrapper.isTransient)) return wrapper.instance;
  const isTreeDurable = !wrapper.isTransient && wrapper.isDependencyTreeDurable();
  const owner = contextId.getParent?.({ token: wrapper.token, isTreeDurable }) ?? contextId;
  return wrapper.getInstanceByContextId(owner, wrapper.id).instance;
}

/**
 * Notes an instance that the container has constructed from a class, so that its hooks can be called. What a factory
 * hands out may be shared: whose it is and when it ends, only the factory knows.
 */
function note(wrapper: InstanceWrapper, request: SocketRequest): void {
  if (wrapper.isNotMetatype || wrapper.isAlias) return;
  const instance: unknown = loaded(wrapper, request);
  if (instance === undefined || instance === request || instance === request.session) return;
  if (wrapper.isDependencyTreeDurable()) durableInstances(request.connection).instances.add(instance);
  else (request.nestInstances ??= new Set()).add(instance);
}

/** The providers among these and their dependencies that differ from event to event. */
function scopedBelow(wrappers: readonly InstanceWrapper[]): Set<InstanceWrapper> {
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
