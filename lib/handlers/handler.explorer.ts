import { Inject, Injectable } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { EnhancerClasses, type Gateway, findGateways, hasUnknownClass } from './gateways.js';
import { HandlerCompiler } from './handler.compiler.js';
import { type HandlerDefinition, isSingleton } from './handler.js';
import { checkGateway, gatewayHooksOf, hasLifecycleMethod } from './nest-gateways.js';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, type InstanceWrapper, type Module } from './nest-internals.js';

type Load = LazyModuleLoader['load'];

/** A module that is being loaded. */
interface Loading {
  definition?: unknown;
}

/** The modules of an application: those of its start, and those that `LazyModuleLoader` adds later. */
@Injectable()
export class LazyModules {
  readonly #known: Set<Module>;
  readonly #loading = new Set<Loading>();
  #listener: ((modules: Module[]) => Promise<void>) | undefined;

  constructor(
    @Inject(ModulesContainer) private readonly container: ModulesContainer,
    @Inject(LazyModuleLoader) loader: LazyModuleLoader,
  ) {
    this.#known = new Set(container.values()); // Nest has read all modules of the start by now
    const load = loader.load.bind(loader);
    loader.load = (...parameters) => this.#load(load, parameters);
  }

  /** The modules that are loaded completely. */
  loaded(): Module[] {
    return [...this.#known];
  }

  /** Calls `added` with the modules that are loaded from now on, before their `load()` resolves. */
  onLoaded(added: (modules: Module[]) => Promise<void>): void {
    this.#listener = added;
  }

  async #load(load: Load, [definitionOf, options]: Parameters<Load>): Promise<ModuleRef> {
    const loading: Loading = {};
    this.#loading.add(loading);
    try {
      const loaded = await load(async () => {
        const definition = await definitionOf();
        loading.definition = definition;
        return definition;
      }, options);
      const [first] = [...this.#loading].filter(({ definition }) => definition === loading.definition);
      if (first === loading) await this.#notify(loaded); // Nest 11 resolves a second load() of a module too early
      return loaded;
    } finally {
      this.#loading.delete(loading);
    }
  }

  async #notify(loaded: ModuleRef): Promise<void> {
    const target = [...this.container.values()].find(
      (module) => module.getProviderByKey(ModuleRef)?.instance === loaded,
    );
    const modules = [...withImports(target)].filter((module) => !this.#known.has(module));
    for (const module of modules) this.#known.add(module);
    await this.#listener?.(modules);
  }
}

function withImports(module: Module | undefined, found = new Set<Module>()): Set<Module> {
  if (!module || found.has(module)) return found;
  found.add(module);
  for (const each of module.imports) withImports(each, found);
  return found;
}

/** Finds the decorated methods of every provider and controller, in every module (promise I6). */
@Injectable()
export class HandlerExplorer {
  constructor(
    @Inject(LazyModules) private readonly modules: LazyModules,
    @Inject(HandlerCompiler) private readonly compiler: HandlerCompiler,
    @Inject(EnhancerClasses) private readonly boundClasses: EnhancerClasses,
  ) {}

  /** The gateways of the modules that are loaded. */
  gateways(): Gateway[] {
    return findGateways(this.#wrappers());
  }

  /** The same. Calls `added` with the gateways of each module that is loaded later, before its `load()` resolves. */
  watchGateways(added: (gateways: Gateway[]) => Promise<void>): Gateway[] {
    this.modules.onLoaded((modules) => added(findGateways(wrappersOf(modules))));
    return this.gateways();
  }

  /** Creates the enhancers of gateways that Nest does not create itself. */
  async provideEnhancers(gateways: readonly Gateway[]): Promise<void> {
    for (const gateway of gateways) await this.boundClasses.provide(gateway);
  }

  /** Compiles the handlers of gateways. */
  handlersOf(gateways: readonly Gateway[]): HandlerDefinition[] {
    gateways.forEach(checkGateway);
    return gateways.flatMap((gateway) => this.#handlersOf(gateway));
  }

  #handlersOf(gateway: Gateway): HandlerDefinition[] {
    const { wrapper, prototype, namespace, declarations } = gateway;
    return [...declarations, ...gatewayHooksOf(gateway)].flatMap((declaration) =>
      declaration.handlers.map((metadata) => ({
        ...metadata,
        namespace: metadata.namespace ?? namespace ?? DEFAULT_NAMESPACE,
        handler: this.compiler.compile({ wrapper, prototype, declaration, metadata }),
      })),
    );
  }

  /** The instances of gateways that are singletons. */
  instancesOf(gateways: readonly Gateway[]): object[] {
    return gateways.flatMap(({ wrapper }) => (isSingleton(wrapper) ? [wrapper.instance as object] : []));
  }

  /** The instances with `afterInit()`. For a request-scoped class it is the instance that Nest creates without an event. */
  gatewaysWithInit(gateways: readonly Gateway[]): object[] {
    return gateways
      .filter((gateway) => hasLifecycleMethod(gateway, 'afterInit'))
      .flatMap(({ wrapper }) => (wrapper.instance as object | undefined) ?? []);
  }

  /** The providers that may be gateways of a class that is unknown at boot. */
  providersOfUnknownClass(): string[] {
    return this.#wrappers()
      .filter(hasUnknownClass)
      .map(({ name, host }) => `${String(name)} of ${host?.name}`);
  }

  /** The objects with the methods of Nest's own gateways: their instances, or the prototypes of request-scoped classes. */
  nestGatewayObjects(): object[] {
    return this.#wrappers().flatMap((wrapper) => {
      const { isNotMetatype, metatype } = wrapper;
      if (isNotMetatype || typeof metatype !== 'function') return [];
      if (!Reflect.hasMetadata(GATEWAY_METADATA, metatype)) return [];
      return [(isSingleton(wrapper) ? wrapper.instance : metatype.prototype) as object];
    });
  }

  /** The names of Nest's own gateways that set `cors`, which has no effect on the shared server. */
  gatewaysWithCors(): string[] {
    return this.#wrappers().flatMap(({ isNotMetatype, metatype }) => {
      if (isNotMetatype || typeof metatype !== 'function') return [];
      const options = Reflect.getMetadata(GATEWAY_OPTIONS, metatype) as { cors?: unknown } | undefined;
      return options?.cors === undefined ? [] : [metatype.name];
    });
  }

  #wrappers(): InstanceWrapper[] {
    return wrappersOf(this.modules.loaded());
  }
}

function wrappersOf(modules: readonly Module[]): InstanceWrapper[] {
  const all = [
    ...modules.flatMap(({ providers }) => [...providers.values()]),
    ...modules.flatMap(({ controllers }) => [...controllers.values()]),
  ];
  return all.filter(({ isAlias }) => !isAlias);
}
