import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig, INQUIRER, REQUEST } from '@nestjs/core';
import { twoCopies } from '../common/copies.js';
import {
  decoratedElsewhere,
  gatewayNamespace,
  type Handlers,
  handlersOf,
  placeOf,
  prototypesOf,
} from '../decorators/handler.metadata.js';
import { boundTo, type Kind, SUBTYPES } from './enhancers.js';
import { functionsOf, isSingle, siteOf } from './handler.js';
import type { InstanceWrapper } from './nest-internals.js';
import { parametersOf } from './parameters.js';
import { ScopedInstances } from './scoped-instances.js';

/** A provider or controller that has handlers, or is a `@SocketGateway()`. */
export interface Gateway extends Handlers {
  wrapper: InstanceWrapper;
  /** The prototype of its class. */
  prototype: object;
  namespace: string | undefined;
}

/**
 * Finds them. Of what an application provides nothing is looked at but its class, which a value may lack, or hide: it
 * may be a module namespace, a proxy, or anything else. One instance is one gateway, under however many tokens.
 */
export function gatewaysAmong(wrappers: readonly InstanceWrapper[]): Gateway[] {
  const seen = new Set<unknown>();
  const classesFirst = wrappers.toSorted((a, b) => Number(a.isNotMetatype) - Number(b.isNotMetatype));
  return classesFirst.flatMap((wrapper) => {
    const gateway = gatewayOf(wrapper);
    const instance: unknown = gateway && isSingle(wrapper) ? wrapper.instance : wrapper;
    if (!gateway || seen.has(instance)) return [];
    seen.add(instance);
    return [gateway];
  });
}

const NESTS_OWN: ReadonlySet<unknown> = new Set([REQUEST, INQUIRER]);

/** Factories that are no singletons, under a token that is no class: the class of their instances cannot be known at boot. */
export function hasUnknownClass(wrapper: InstanceWrapper): boolean {
  const { isFactory, token } = wrapper;
  return isFactory && !isSingle(wrapper) && typeof token !== 'function' && !NESTS_OWN.has(token);
}

function gatewayOf(wrapper: InstanceWrapper): Gateway | undefined {
  const [prototype, ...bases] = prototypesBehind(wrapper);
  if (!prototype) return undefined;
  const prototypes = [prototype, ...bases];
  const foreign = decoratedElsewhere(prototypes);
  if (foreign) throw twoCopies(foreign.name, foreign.place);
  const namespace = gatewayNamespace(prototypes);
  const found = handlersOf(prototypes);
  const isGateway = namespace !== undefined || found.declarations.length + found.overrides.length > 0;
  return isGateway ? { wrapper, prototype, namespace, ...found } : undefined;
}

/** Of a class that is provided; of what a factory made; or else of the class that is the token. */
function prototypesBehind(wrapper: InstanceWrapper): object[] {
  const { isNotMetatype, metatype, token } = wrapper;
  if (!isNotMetatype) return prototypesOfClass(metatype);
  if (!isSingle(wrapper)) return typeof token === 'function' ? prototypesOfClass(token) : [];
  const instance: unknown = wrapper.instance;
  return typeof instance === 'object' && instance !== null ? prototypesOf(instance) : [];
}

function prototypesOfClass(metatype: unknown): object[] {
  const { prototype } = metatype as { prototype?: object };
  return prototype ? [prototype, ...prototypesOf(prototype)] : [];
}

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
