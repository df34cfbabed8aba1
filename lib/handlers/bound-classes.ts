import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { boundTo, SUBTYPES, type Kind } from './enhancers.js';
import type { Gateway } from './gateways.js';
import { functionsOf, siteOf } from './handler.compiler.js';
import { placeOf } from '../decorators/handler.metadata.js';
import type { InstanceWrapper } from './nest-internals.js';
import { parametersOf } from './parameters.js';
import { ScopedInstances } from './scoped-instances.js';

/**
 * Guards, interceptors, pipes and filters that a gateway names by class. Nest makes those that it finds on classes while
 * it reads the modules. What it cannot see by then (the class of what a factory makes, or of a value; methods that are
 * named by a symbol; what was bound before a decorator wrapped the method) is made here, in the gateway's own module.
 */
@Injectable()
export class BoundClasses {
  constructor(
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ScopedInstances) private readonly scoped: ScopedInstances,
  ) {}

  /** Makes those of a gateway that are not there; rejects with Nest's error where one lacks a dependency. */
  async provide(gateway: Gateway): Promise<void> {
    const { host } = gateway.wrapper;
    for (const [kind, bound] of this.#boundBy(gateway)) {
      if (typeof bound !== 'function' || !host || host.injectables.has(bound)) continue;
      const wrapper = host.addInjectable(bound as never, SUBTYPES[kind]) as InstanceWrapper;
      await this.scoped.load(wrapper, host);
    }
  }

  #boundBy({ prototype, declarations }: Gateway): [Kind, unknown][] {
    return declarations.flatMap((declaration) => {
      const site = siteOf({ prototype, declaration });
      const { metatype } = site;
      const enhancerSite = { config: this.config, metatype, functions: functionsOf(declaration, site) };
      const kinds = Object.keys(SUBTYPES) as Kind[];
      const parameters = parametersOf(declaration, placeOf(prototype, declaration.method));
      return [
        ...kinds.flatMap((kind) =>
          boundTo(enhancerSite, kind).map((bound): [Kind, unknown] => [kind, bound]),
        ),
        ...parameters.flatMap(({ pipes }) => pipes.map((pipe): [Kind, unknown] => ['pipes', pipe])),
      ];
    });
  }
}
