import { Inject, Injectable } from '@nestjs/common';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { BoundClasses } from './bound-classes.js';
import { gatewaysAmong, isUnknowable, type Gateway } from './gateways.js';
import { HandlerCompiler, isSingle } from './handler.compiler.js';
import type { HandlerDefinition } from './handler.js';
import { LazyModules } from './lazy-modules.js';
import { checkGateway, gatewayHooksOf, isCalledByName } from './nest-gateways.js';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, type InstanceWrapper, type Module } from './nest-internals.js';

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

  /** The same; from now on `added` hears of the gateways of each module that comes later, before its loading ends. */
  follow(added: (gateways: Gateway[]) => Promise<void>): Gateway[] {
    this.modules.follow((modules) => added(gatewaysAmong(wrappersOf(modules))));
    return this.gateways();
  }

  /** Makes the guards, pipes, interceptors and filters that gateways name by class and Nest knows nothing of. */
  async prepare(gateways: readonly Gateway[]): Promise<void> {
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
  withInit(gateways: readonly Gateway[]): object[] {
    return gateways
      .filter((gateway) => isCalledByName(gateway, 'afterInit'))
      .flatMap(({ wrapper }) => (wrapper.instance as object | undefined) ?? []);
  }

  /** The providers that may make gateways, and do not say of which class. */
  unknowable(): string[] {
    return this.#wrappers()
      .filter(isUnknowable)
      .map(({ name, host }) => `${String(name)} of ${host?.name}`);
  }

  /** Where the methods of Nest's own gateways are: their instance, or the prototype of those with one per event. */
  nestGateways(): object[] {
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
