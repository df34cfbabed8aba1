import type { ExceptionFilter, Type } from '@nestjs/common';
import type { SocketRequest } from '../context/socket-request.js';
import type { Enhancer } from './enhancers.js';
import { executionContext, type ExecutionTarget, type Filter, type InstanceResolver } from './handler.js';
import { FILTER_CATCH_EXCEPTIONS } from './nest-internals.js';
import { normalizeResult } from './results.js';

/** Compiles exception filters, the innermost first, each with the types that it catches. */
export function compileFilters(
  enhancers: readonly Enhancer[],
  sources: readonly InstanceResolver<ExceptionFilter>[],
  target: ExecutionTarget,
): Filter[] {
  const filters = enhancers.map((enhancer, index): Filter => {
    const instanceFor = (request: SocketRequest) => sources[index]?.(request);
    const typesFor = caughtTypesFor(enhancer, instanceFor);
    return {
      catches: (error, request) => {
        const types = typesFor(request);
        return types !== undefined && (types.length === 0 || types.some((type) => isInstance(error, type)));
      },
      catch: (error, request) =>
        normalizeResult(
          instanceFor(request)?.catch(error, executionContext(request, target)),
          request,
          filterName(enhancer),
        ),
    };
  });
  return filters.toReversed();
}

function filterName({ instance, scoped }: Enhancer): string {
  return scoped?.name ?? (instance as object).constructor.name;
}

/** The types that a filter catches. For a filter that a factory makes, they are read from the instance of the event. */
function caughtTypesFor(
  { instance, scoped }: Enhancer,
  instanceFor: (request: SocketRequest) => object | undefined,
): (request: SocketRequest) => readonly Type[] | undefined {
  if (!scoped) return constant(caughtBy(instance));
  const isClass = !scoped.isFactory && typeof scoped.metatype === 'function';
  const known = isClass ? caughtByClass(scoped.metatype as object) : undefined;
  return (request) => {
    const made = instanceFor(request); // undefined if its construction has failed
    return made && (known ?? caughtBy(made));
  };
}

function caughtBy(instance: unknown): readonly Type[] {
  return caughtByClass((instance as object).constructor);
}

function caughtByClass(metatype: object): readonly Type[] {
  return (Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, metatype) ?? []) as Type[];
}

function constant<T>(value: T): () => T {
  return () => value;
}

/** `instanceof` that does not throw: a proxy may throw at it. */
export function isInstance<T extends object>(
  error: unknown,
  type: abstract new (...values: never[]) => T,
): error is T {
  try {
    return error instanceof type;
  } catch {
    return false;
  }
}
