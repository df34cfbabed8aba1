import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Source } from './handler.js';
import type { Collected, Parameter, Signature } from './parameters.js';

/** The parameters of a method, compiled. */
export interface ParameterPlan extends Signature {
  /** By index: the pipes of the parameter; beyond the last, those of the method. */
  pipes: readonly (readonly Source<PipeTransform>[])[];
  methodPipes: readonly Source<PipeTransform>[];
  /** By index: the `ArgumentMetadata` of the parameter. */
  metadata: readonly ArgumentMetadata[];
}

/** Whether the event's arguments can be passed on as they are. */
export function isTrivial({ decorated, methodPipes }: ParameterPlan): boolean {
  return decorated.length === 0 && methodPipes.length === 0;
}

/**
 * The values of all parameters, after their pipes: decorated ones from their decorators, the others from the event's
 * arguments in order, whatever stands between them (promise V4); further arguments follow. A promise only if a pipe
 * or a factory made one: they are all under way at the same time, as in Nest, and none is left without a listener.
 */
export function argumentsOf(plan: ParameterPlan, event: Collected): unknown[] | Promise<unknown[]> {
  const ready: unknown[] = [];
  let isPending = false;
  const take = (value: unknown) => {
    const piped = transform(ready.length, value, { plan, request: event.request });
    isPending ||= isThenable(piped);
    ready.push(piped);
  };
  try {
    collect(plan, event, take);
  } catch (error) {
    if (isPending) abandon(ready);
    throw error;
  }
  return isPending ? Promise.all(ready) : ready;
}

/** The event fails by what came first. */
function abandon(values: readonly unknown[]): void {
  for (const value of values) Promise.resolve(value).catch(() => {});
}

function collect(
  { decorated, declared, takesMore }: Signature,
  { request, values, site }: Collected,
  take: (value: unknown) => void,
): void {
  const least = Math.max(decorated.length, declared);
  let next = 0;
  for (let index = 0; index < least; index++) {
    const parameter = decorated[index];
    take(parameter ? parameter.extract(request, site) : values[next++]);
  }
  const end = takesMore ? values.length : next;
  while (next < end) take(values[next++]);
}

/** The `ArgumentMetadata` of each declared parameter. */
export function metadataOf(
  decorated: readonly (Parameter | undefined)[],
  types: readonly unknown[],
): ArgumentMetadata[] {
  const length = Math.max(decorated.length, types.length);
  return Array.from({ length }, (_, index) => ({
    type: decorated[index]?.type ?? 'body',
    metatype: types[index] as ArgumentMetadata['metatype'],
    data: decorated[index]?.data,
    schema: decorated[index]?.schema as never, // Nest 12's; Nest 11 knows none
  }));
}

/** The `ArgumentMetadata` of an argument without a declared parameter. */
const UNDECLARED: ArgumentMetadata = { type: 'body' };

function transform(
  index: number,
  given: unknown,
  { plan, request }: { plan: ParameterPlan; request: SocketRequest },
): unknown {
  const declared = plan.metadata[index] ? index : (plan.rest ?? index);
  const pipes = plan.pipes[declared] ?? plan.methodPipes;
  const metadata = plan.metadata[declared] ?? UNDECLARED;
  let value = given;
  for (const pipe of pipes) {
    value = isThenable(value)
      ? value.then((settled) => pipe(request).transform(settled, metadata))
      : pipe(request).transform(value, metadata);
  }
  return value;
}
