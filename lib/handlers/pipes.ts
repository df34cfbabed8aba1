import type { ExecutionContext, PipeTransform } from '@nestjs/common';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Source } from './handler.js';
import { collect, type Signature } from './parameters.js';

/** The parameters of a method, compiled. */
export interface ParameterPlan extends Signature {
  /** By index: the pipes of the parameter; beyond the last, those of the method. */
  pipes: readonly (readonly Source<PipeTransform>[])[];
  methodPipes: readonly Source<PipeTransform>[];
  types: readonly unknown[];
}

/** Whether the event's arguments can be passed on as they are. */
export function isTrivial({ decorated, methodPipes }: ParameterPlan): boolean {
  return decorated.length === 0 && methodPipes.length === 0;
}

/** The values for a method's parameters, after their pipes. A promise only if a pipe or a factory made one. */
export function argumentsOf(
  plan: ParameterPlan,
  request: SocketRequest,
  event: { values: readonly unknown[]; context: () => ExecutionContext },
): unknown[] | Promise<unknown[]> {
  const values = collect(plan, { request, ...event });
  return transformFrom(0, { plan, request, values });
}

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
  const parameter = plan.decorated[index];
  const metadata = {
    type: parameter?.type ?? ('body' as const),
    metatype: plan.types[index] as never,
    data: parameter?.data,
    schema: parameter?.schema as never,
  };
  let value = values[index];
  for (const pipe of pipes) {
    value = isThenable(value)
      ? value.then((settled) => pipe(request).transform(settled, metadata))
      : pipe(request).transform(value, metadata);
  }
  return value;
}
