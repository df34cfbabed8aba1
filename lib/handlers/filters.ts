import type { ExceptionFilter, Type } from '@nestjs/common';
import type { SocketRequest } from '../context/socket-request.js';
import type { Enhancer } from './enhancers.js';
import { executionContext, type Site } from './execution-context.js';
import type { Filter, Source } from './handler.js';
import { FILTER_CATCH_EXCEPTIONS } from './nest-internals.js';
import { resultOf } from './results.js';

/** Exception filters, nearest first, each with the types that it catches. */
export function filtersOf(
  enhancers: readonly Enhancer[],
  sources: readonly Source<ExceptionFilter>[],
  site: Site,
): Filter[] {
  const filters = enhancers.map((enhancer, index): Filter => {
    const instanceFor = (request: SocketRequest) => sources[index]?.(request);
    const typesFor = typesOf(enhancer, instanceFor);
    return {
      catches: (error, request) => {
        const types = typesFor(request);
        return types !== undefined && (types.length === 0 || types.some((type) => isA(error, type)));
      },
      catch: (error, request) =>
        resultOf(
          instanceFor(request)?.catch(error, executionContext(request, site)),
          request,
          nameOf(enhancer),
        ),
    };
  });
  return filters.toReversed();
}

function nameOf({ instance, scoped }: Enhancer): string {
  return scoped?.name ?? (instance as object).constructor.name;
}

/** What a filter catches: known from its class, or seen on what a factory has made for the event. */
function typesOf(
  { instance, scoped }: Enhancer,
  instanceFor: (request: SocketRequest) => object | undefined,
): (request: SocketRequest) => readonly Type[] | undefined {
  if (!scoped) return always(caughtBy(instance));
  const isClass = !scoped.isFactory && typeof scoped.metatype === 'function';
  const known = isClass ? caughtByClass(scoped.metatype as object) : undefined;
  return (request) => {
    const made = instanceFor(request); // none where making it is what failed
    return made && (known ?? caughtBy(made));
  };
}

function caughtBy(instance: unknown): readonly Type[] {
  return caughtByClass((instance as object).constructor);
}

function caughtByClass(metatype: object): readonly Type[] {
  return (Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, metatype) ?? []) as Type[];
}

function always<T>(value: T): () => T {
  return () => value;
}

/** Whether something thrown is of a class; a proxy may refuse to say. */
export function isA<T extends object>(
  error: unknown,
  type: abstract new (...values: never[]) => T,
): error is T {
  try {
    return error instanceof type;
  } catch {
    return false;
  }
}
