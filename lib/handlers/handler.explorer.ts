import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { gatewayNamespace, handlersOf } from '../decorators/handler.metadata.js';
import { HandlerCompiler, isSingle } from './handler.compiler.js';
import type { HandlerDefinition } from './handler.js';
import { GATEWAY_OPTIONS, type InstanceWrapper } from './nest-internals.js';

/** Finds the decorated methods of every provider and controller, in every module (promise I6). */
@Injectable()
export class HandlerExplorer {
  readonly #scanner = new MetadataScanner();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(HandlerCompiler) private readonly compiler: HandlerCompiler,
  ) {}

  /** The handlers of the application, compiled. */
  explore(): HandlerDefinition[] {
    return this.#wrappers.flatMap((wrapper) => this.#handlersOf(wrapper));
  }

  /** The providers and controllers that live as long as the application. */
  instances(): object[] {
    return this.#wrappers.flatMap((wrapper) => {
      const instance: unknown = isSingle(wrapper) ? wrapper.instance : undefined;
      return typeof instance === 'object' && instance !== null ? [instance] : [];
    });
  }

  /** The names of Nest's own gateways that set `cors` for the server that they share. */
  gatewaysWithCors(): string[] {
    return this.#wrappers.flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const options = Reflect.getMetadata(GATEWAY_OPTIONS, metatype) as { cors?: unknown } | undefined;
      return options?.cors === undefined ? [] : [metatype.name];
    });
  }

  get #wrappers(): InstanceWrapper[] {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    return wrappers.filter(({ isAlias }) => !isAlias);
  }

  #handlersOf(wrapper: InstanceWrapper): HandlerDefinition[] {
    const prototype = prototypeOf(wrapper);
    if (!prototype) return [];
    return this.#scanner.getAllMethodNames(prototype).flatMap((method) =>
      handlersOf(prototype, method).map((metadata) => ({
        ...metadata,
        namespace: metadata.namespace ?? gatewayNamespace(prototype.constructor) ?? DEFAULT_NAMESPACE,
        handler: this.compiler.compile({ wrapper, prototype, method, metadata }),
      })),
    );
  }
}

/** The class behind a provider; of what a factory made, the class of that. */
function prototypeOf({ isNotMetatype, metatype, instance }: InstanceWrapper): object | undefined {
  if (!isNotMetatype) return (metatype as { prototype?: object } | null)?.prototype;
  return typeof instance === 'object' && instance !== null
    ? (Object.getPrototypeOf(instance) as object)
    : undefined;
}
