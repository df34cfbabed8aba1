import type { ExceptionFilter, Type } from '@nestjs/common';
import type { Enhancer } from './enhancers.js';
import { executionContext, type Site } from './execution-context.js';
import type { Filter, Source } from './handler.js';
import { FILTER_CATCH_EXCEPTIONS } from './nest-internals.js';

/** Exception filters, nearest first, each with the types that it catches. */
export function filtersOf(
  enhancers: readonly Enhancer[],
  sources: readonly Source<ExceptionFilter>[],
  site: Site,
): Filter[] {
  const filters = enhancers.map(({ instance, scoped }, index): Filter => {
    const metatype = (scoped ? scoped.metatype : (instance as object).constructor) as object;
    const types = (Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, metatype) ?? []) as Type[];
    return {
      catches: (error) => types.length === 0 || types.some((type) => error instanceof type),
      catch: (error, request) => sources[index]?.(request).catch(error, executionContext(request, site)),
    };
  });
  return filters.toReversed();
}
