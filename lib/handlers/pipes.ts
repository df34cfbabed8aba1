import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { InstanceResolver } from './handler.js';
import type { EventArguments, Parameter, Signature } from './parameters.js';

/** The parameters of a method with their pipes. It is compiled once. */
export interface ParameterPlan extends Signature {
  /** The pipes of each parameter, by index. Further arguments go through `methodPipes`. */
  pipes: readonly (readonly InstanceResolver<PipeTransform>[])[];
  methodPipes: readonly InstanceResolver<PipeTransform>[];
  /** The `ArgumentMetadata` of each parameter, by index. */
  metadata: readonly ArgumentMetadata[];
}

/** Whether the event's arguments are passed on unchanged. */
export function isPassThrough({ decorated, methodPipes }: ParameterPlan): boolean {
  return decorated.length === 0 && methodPipes.length === 0;
}

/**
 * The values of all parameters, after their pipes. A decorated parameter gets the value of its decorator; the others get
 * the event's arguments in order (promise V4). Further arguments follow. Returns a promise only if a pipe or a factory
 * does. As in Nest, all promises run at the same time, and each rejection is handled.
 */
export function argumentsOf(plan: ParameterPlan, event: EventArguments): unknown[] | Promise<unknown[]> {
  const ready: unknown[] = [];
  let isPending = false;
  const addArgument = (value: unknown) => {
    const piped = applyPipes(ready.length, value, { plan, request: event.request });
    isPending ||= isThenable(piped);
    ready.push(piped);
  };
  try {
    collectArguments(plan, event, addArgument);
  } catch (error) {
    if (isPending) ignoreRejections(ready);
    throw error;
  }
  return isPending ? Promise.all(ready) : ready;
}

/** Ignores later rejections: the event has already failed with the first error. */
function ignoreRejections(values: readonly unknown[]): void {
  for (const value of values) Promise.resolve(value).catch(() => {});
}

function collectArguments(
  { decorated, declared, takesMore }: Signature,
  { request, values, target }: EventArguments,
  addArgument: (value: unknown) => void,
): void {
  const least = Math.max(decorated.length, declared);
  let next = 0;
  for (let index = 0; index < least; index++) {
    const parameter = decorated[index];
    addArgument(parameter ? parameter.extract(request, target) : values[next++]);
  }
  const end = takesMore ? values.length : next;
  while (next < end) addArgument(values[next++]);
}

/** The `ArgumentMetadata` of each declared parameter. */
export function argumentMetadataOf(
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

function applyPipes(
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
