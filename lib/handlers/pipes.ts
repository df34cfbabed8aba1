import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Source } from './handler.js';
import { collect, type Collected, type Parameter, type Signature } from './parameters.js';

/** The parameters of a method, compiled. */
export interface ParameterPlan extends Signature {
  /** By index: the pipes of the parameter; beyond the last, those of the method. */
  pipes: readonly (readonly Source<PipeTransform>[])[];
  methodPipes: readonly Source<PipeTransform>[];
  /** By index: what pipes are told about the parameter. */
  metadata: readonly ArgumentMetadata[];
}

/** Whether the event's arguments can be passed on as they are. */
export function isTrivial({ decorated, methodPipes }: ParameterPlan): boolean {
  return decorated.length === 0 && methodPipes.length === 0;
}

/** The values for a method's parameters, after their pipes. A promise only if a pipe or a factory made one. */
export function argumentsOf(plan: ParameterPlan, event: Collected): unknown[] | Promise<unknown[]> {
  return transformFrom(0, { plan, request: event.request, values: collect(plan, event) });
}

/** What pipes are told about each parameter that is declared. */
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

/** What pipes are told about an argument that no parameter is declared for. */
const UNDECLARED: ArgumentMetadata = { type: 'body' };

interface Work {
  plan: ParameterPlan;
  request: SocketRequest;
  values: unknown[];
}

/** Parameters one after the other: a rejection can then never be left without a listener. */
function transformFrom(start: number, work: Work): unknown[] | Promise<unknown[]> {
  const { values } = work;
  for (let index = start; index < values.length; index++) {
    const value = transform(index, work);
    if (isThenable(value)) return settle(index, value, work);
    values[index] = value;
  }
  return values;
}

async function settle(index: number, value: PromiseLike<unknown>, work: Work): Promise<unknown[]> {
  work.values[index] = await value;
  return transformFrom(index + 1, work);
}

function transform(index: number, { plan, request, values }: Work): unknown {
  const pipes = plan.pipes[index] ?? plan.methodPipes;
  const metadata = plan.metadata[index] ?? UNDECLARED;
  let value = values[index];
  for (const pipe of pipes) {
    value = isThenable(value)
      ? value.then((settled) => pipe(request).transform(settled, metadata))
      : pipe(request).transform(value, metadata);
  }
  return value;
}
