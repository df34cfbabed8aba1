import { Inject, Injectable } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { BoundClasses, type Gateway, gatewaysAmong, hasUnknownClass } from './gateways.js';
import { HandlerCompiler } from './handler.compiler.js';
import { type HandlerDefinition, isSingle } from './handler.js';
import { checkGateway, gatewayHooksOf, isCalledByName } from './nest-gateways.js';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, type InstanceWrapper, type Module } from './nest-internals.js';

type Load = LazyModuleLoader['load'];

/** A module that is being loaded. */
interface Loading {
  definition?: unknown;
}

/** The modules of an application: from its start, and from `LazyModuleLoader` later. */
@Injectable()
export class LazyModules {
  readonly #known: Set<Module>;
  readonly #loading = new Set<Loading>();
  #added: ((modules: Module[]) => Promise<void>) | undefined;

  constructor(
    @Inject(ModulesContainer) private readonly container: ModulesContainer,
    @Inject(LazyModuleLoader) loader: LazyModuleLoader,
  ) {
    this.#known = new Set(container.values()); // by now Nest has read all that it starts with
    const load = loader.load.bind(loader);
    loader.load = (...parameters) => this.#load(load, parameters);
  }

  /** Those that are there and complete. */
  present(): Module[] {
    return [...this.#known];
  }

  /** Calls `added` with the modules that are loaded from now on, before their `load()` resolves. */
  follow(added: (modules: Module[]) => Promise<void>): void {
    this.#added = added;
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
      if (first === loading) await this.#add(loaded); // Nest 11 resolves the second before the module is complete
      return loaded;
    } finally {
      this.#loading.delete(loading);
    }
  }

  async #add(loaded: ModuleRef): Promise<void> {
    const target = [...this.container.values()].find(
      (module) => module.getProviderByKey(ModuleRef)?.instance === loaded,
    );
    const modules = [...withImports(target)].filter((module) => !this.#known.has(module));
    for (const module of modules) this.#known.add(module);
    await this.#added?.(modules);
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
    @Inject(BoundClasses) private readonly boundClasses: BoundClasses,
  ) {}

  /** The gateways of the modules that are there. */
  gateways(): Gateway[] {
    return gatewaysAmong(this.#wrappers());
  }

  /** The same, and calls `added` with the gateways of each module that is loaded later, before its `load()` resolves. */
  watchGateways(added: (gateways: Gateway[]) => Promise<void>): Gateway[] {
    this.modules.follow((modules) => added(gatewaysAmong(wrappersOf(modules))));
    return this.gateways();
  }

  /** Makes the guards, pipes, interceptors and filters that gateways name by class and Nest knows nothing of. */
  async provideEnhancers(gateways: readonly Gateway[]): Promise<void> {
    for (const gateway of gateways) await this.boundClasses.provide(gateway);
  }

  /** The handlers of gateways, compiled. */
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

  /** The gateways that live as long as the application. */
  instancesOf(gateways: readonly Gateway[]): object[] {
    return gateways.flatMap(({ wrapper }) => (isSingle(wrapper) ? [wrapper.instance as object] : []));
  }

  /** Those that have `afterInit()`; of a request-scoped class the instance that Nest makes without an event. */
  gatewaysWithInit(gateways: readonly Gateway[]): object[] {
    return gateways
      .filter((gateway) => isCalledByName(gateway, 'afterInit'))
      .flatMap(({ wrapper }) => (wrapper.instance as object | undefined) ?? []);
  }

  /** The providers that may make gateways, and do not say of which class. */
  providersOfUnknownClass(): string[] {
    return this.#wrappers()
      .filter(hasUnknownClass)
      .map(({ name, host }) => `${String(name)} of ${host?.name}`);
  }

  /** Where the methods of one of Nest's own gateways are: its instance, or its prototype if it is request-scoped. */
  nestGatewayObjects(): object[] {
    return this.#wrappers().flatMap((wrapper) => {
      const { isNotMetatype, metatype } = wrapper;
      if (isNotMetatype || typeof metatype !== 'function') return [];
      if (!Reflect.hasMetadata(GATEWAY_METADATA, metatype)) return [];
      return [(isSingle(wrapper) ? wrapper.instance : metatype.prototype) as object];
    });
  }

  /** The names of Nest's own gateways that set `cors` for the server that they share. */
  gatewaysWithCors(): string[] {
    return this.#wrappers().flatMap(({ isNotMetatype, metatype }) => {
      if (isNotMetatype || typeof metatype !== 'function') return [];
      const options = Reflect.getMetadata(GATEWAY_OPTIONS, metatype) as { cors?: unknown } | undefined;
      return options?.cors === undefined ? [] : [metatype.name];
    });
  }

  #wrappers(): InstanceWrapper[] {
    return wrappersOf(this.modules.present());
  }
}

function wrappersOf(modules: readonly Module[]): InstanceWrapper[] {
  const all = [
    ...modules.flatMap(({ providers }) => [...providers.values()]),
    ...modules.flatMap(({ controllers }) => [...controllers.values()]),
  ];
  return all.filter(({ isAlias }) => !isAlias);
}
