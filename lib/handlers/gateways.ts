import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig, INQUIRER, REQUEST } from '@nestjs/core';
import { twoCopies } from '../common/copies.js';
import { failure } from '../common/errors.js';
import {
  type Declaration,
  decoratedElsewhere,
  gatewayNamespace,
  type HandlerMetadata,
  type Handlers,
  handlersOf,
  isAuthenticatedOnly,
  type Override,
  placeOf,
  prototypesOf,
} from '../decorators/handler.metadata.js';
import { boundEnhancers, type EnhancerKind, NEST_SUBTYPES } from './enhancers.js';
import { decoratedFunctionsOf, executionTargetOf, isSingleton } from './handler.js';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  type InstanceWrapper,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
} from './nest-internals.js';
import { hasDecoratedParameters, parametersOf } from './parameters.js';
import { ScopedInstances } from './scoped-instances.js';

/** A provider or controller that has handlers, or is a `@SocketGateway()`. */
export interface Gateway extends Handlers {
  wrapper: InstanceWrapper;
  /** The prototype of its class. */
  prototype: object;
  namespace: string | undefined;
}

/**
 * Finds the gateways among providers. It reads nothing of a provided value but its class, because the value may be a module
 * namespace or a proxy. An instance that is provided under several tokens is one gateway.
 */
export function findGateways(wrappers: readonly InstanceWrapper[]): Gateway[] {
  const seen = new Set<unknown>();
  const classesFirst = wrappers.toSorted((a, b) => Number(a.isNotMetatype) - Number(b.isNotMetatype));
  return classesFirst.flatMap((wrapper) => {
    const gateway = gatewayOf(wrapper);
    const instance: unknown = gateway && isSingleton(wrapper) ? wrapper.instance : wrapper;
    if (!gateway || seen.has(instance)) return [];
    seen.add(instance);
    return [gateway];
  });
}

const NEST_TOKENS: ReadonlySet<unknown> = new Set([REQUEST, INQUIRER]);

/**
 * Whether the class of a provider's instances is unknown at boot: it is a factory, no singleton, and its token is no class.
 */
export function hasUnknownClass(wrapper: InstanceWrapper): boolean {
  const { isFactory, token } = wrapper;
  return isFactory && !isSingleton(wrapper) && typeof token !== 'function' && !NEST_TOKENS.has(token);
}

function gatewayOf(wrapper: InstanceWrapper): Gateway | undefined {
  const [prototype, ...bases] = prototypesOfProvider(wrapper);
  if (!prototype) return undefined;
  const prototypes = [prototype, ...bases];
  const foreign = decoratedElsewhere(prototypes);
  if (foreign) throw twoCopies(foreign.name, foreign.place);
  const namespace = gatewayNamespace(prototypes);
  const found = handlersOf(prototypes);
  const isGateway = namespace !== undefined || found.declarations.length + found.overrides.length > 0;
  return isGateway ? { wrapper, prototype, namespace, ...found } : undefined;
}

/** The prototypes of the provided class, of the instance that a factory made, or of the class that is the token. */
function prototypesOfProvider(wrapper: InstanceWrapper): object[] {
  const { isNotMetatype, metatype, token } = wrapper;
  if (!isNotMetatype) return prototypesOfClass(metatype);
  if (!isSingleton(wrapper)) return typeof token === 'function' ? prototypesOfClass(token) : [];
  const instance: unknown = wrapper.instance;
  return typeof instance === 'object' && instance !== null ? prototypesOf(instance) : [];
}

function prototypesOfClass(metatype: unknown): object[] {
  const { prototype } = metatype as { prototype?: object };
  return prototype ? [prototype, ...prototypesOf(prototype)] : [];
}

/**
 * Creates the guards, interceptors, pipes and filters that are bound to a gateway as classes, where Nest does not. Nest
 * creates those that it finds while it reads the modules. It does not find them on classes of factories and values, on
 * methods that are named by a symbol, and on methods that a decorator has wrapped.
 */
@Injectable()
export class EnhancerClasses {
  constructor(
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ScopedInstances) private readonly scoped: ScopedInstances,
  ) {}

  /** Adds the missing ones to the gateway's module. Rejects with Nest's error if one lacks a dependency. */
  async provide(gateway: Gateway): Promise<void> {
    const { host } = gateway.wrapper;
    for (const [kind, bound] of this.#boundBy(gateway)) {
      if (typeof bound !== 'function' || !host || host.injectables.has(bound)) continue;
      const wrapper = host.addInjectable(bound as never, NEST_SUBTYPES[kind]) as InstanceWrapper;
      await this.scoped.load(wrapper, host);
    }
  }

  #boundBy({ prototype, declarations }: Gateway): [EnhancerKind, unknown][] {
    return declarations.flatMap((declaration) => {
      const target = executionTargetOf({ prototype, declaration });
      const { metatype } = target;
      const enhancerTarget = {
        config: this.config,
        metatype,
        functions: decoratedFunctionsOf(declaration, target),
      };
      const kinds = Object.keys(NEST_SUBTYPES) as EnhancerKind[];
      const parameters = parametersOf(declaration, placeOf(prototype, declaration.method));
      return [
        ...kinds.flatMap((kind) =>
          boundEnhancers(enhancerTarget, kind).map((bound): [EnhancerKind, unknown] => [kind, bound]),
        ),
        ...parameters.flatMap(({ pipes }) => pipes.map((pipe): [EnhancerKind, unknown] => ['pipes', pipe])),
      ];
    });
  }
}

/** Fails the boot where a connect handler is overridden without a decorator: its namespace would accept everybody. */
export function rejectConnectOverride({ prototype, of }: Override): void {
  if (of.handlers.every(({ kind }) => kind !== 'connect')) return;
  throw failure('FSK_CONNECT_OVERRIDDEN', placeOf(prototype, of.method), placeOf(of.prototype, of.method));
}

/** Warns about methods that override a handler without being one, or without the guards of the base method. */
export function overrideWarnings({ overrides, redeclared }: Handlers): string[] {
  return [...overrides.map(describeOverride), ...redeclared.flatMap(describeLostDecorations)];
}

function describeOverride({ prototype, of }: Override): string {
  const place = placeOf(prototype, of.method);
  return (
    `${place} overrides ${placeOf(of.prototype, of.method)} without ${of.handlers.map(decoratorOf).join(' and ')}, so ` +
    'it handles nothing: a method has the decorators that stand on it, guards and all, or none of them. ' +
    `Write them on ${place}, too, or give it another name.`
  );
}

/** An empty decorator, `@UseGuards()`, prevents the warning. */
function describeLostDecorations({ by, of }: { by: Declaration; of: Declaration }): string[] {
  const lost = DECORATIONS.filter(({ has, optsOut }) => has(of) && !has(by) && !optsOut?.(by)).map(
    ({ name }) => name,
  );
  if (lost.length === 0) return [];
  const [place, base] = [by, of].map(({ prototype, method }) => placeOf(prototype, method));
  return [
    `${place} overrides ${base} and is a handler of its own, so ${lost.join(', ')} of ${base} does not apply to it. ` +
      `Write it on ${place}, too; if it is meant to go, an empty one (@UseGuards()) says so.`,
  ];
}

/** A kind of decorator that a method can have. */
interface Decoration {
  name: string;
  has: (declaration: Declaration) => boolean;
  /** Whether a method without it has an empty one, or no parameters that it could decorate. */
  optsOut?: (declaration: Declaration) => boolean;
}

const hasMetadata = (key: string) => (declaration: Declaration) =>
  [...declaration.functions, methodOf(declaration)].some((each) => Reflect.hasMetadata(key, each));

const DECORATIONS: Decoration[] = [
  { name: '@UseGuards()', has: hasMetadata(GUARDS_METADATA) },
  { name: '@UsePipes()', has: hasMetadata(PIPES_METADATA) },
  { name: '@UseInterceptors()', has: hasMetadata(INTERCEPTORS_METADATA) },
  { name: '@UseFilters()', has: hasMetadata(EXCEPTION_FILTERS_METADATA) },
  { name: '@AuthenticatedOnly()', has: isAuthenticatedOnly, optsOut: hasMetadata(GUARDS_METADATA) },
  {
    name: 'what decorates the parameters',
    has: hasDecoratedParameters,
    optsOut: (declaration) => methodOf(declaration).length === 0,
  },
];

function methodOf({ prototype, method }: Declaration): (...values: unknown[]) => unknown {
  return Reflect.get(prototype, method) as (...values: unknown[]) => unknown;
}

function decoratorOf({ kind, event }: HandlerMetadata): string {
  if (kind === 'event') return `@OnEvent('${event}')`;
  return `@On${kind[0]?.toUpperCase()}${kind.slice(1)}()`;
}
