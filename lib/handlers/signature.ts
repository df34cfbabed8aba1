import { ValidationPipe } from '@nestjs/common';
import { failure } from '../common/errors.js';
import type { Enhancer } from './enhancers.js';
import type { Parameter } from './parameters.js';

/** The parameters of a method. */
export interface Signature {
  /** By index; parameters without a decorator are missing. */
  decorated: readonly (Parameter | undefined)[];
  /** How many parameters get a value even where no argument has come for them: their pipes are to see it. */
  declared: number;
  /** Whether arguments beyond those are wanted. */
  takesMore: boolean;
  /** Which parameter further arguments belong to: a rest parameter. Without one nothing is known of them. */
  rest: number | undefined;
}

/** What is known of a method's declaration. */
export interface Declared {
  decorated: readonly (Parameter | undefined)[];
  /** The types of its parameters, as the compiler has written them down; empty where it has not. */
  types: readonly unknown[];
  /** The function that was decorated: what stands for the method now may be a wrapper that takes anything. */
  source: (...values: never[]) => unknown;
  /** The pipes of all its parameters. */
  pipes: readonly Enhancer[];
  place: string;
}

/**
 * What parameters a method has. Where pipes are bound, nothing reaches it that they have not seen as what it is
 * declared to be: further arguments belong to the rest parameter, and without one they are not passed on.
 */
export function signatureOf({ decorated, types, source, pipes, place }: Declared): Signature {
  const last = types.length - 1;
  if (pipes.length === 0) {
    const isEveryDecorated = last >= 0 && decorated.filter(Boolean).length >= types.length;
    return { decorated, declared: 0, takesMore: !isEveryDecorated, rest: undefined };
  }
  const isRest = hasRest(source) && !decorated[last < 0 ? source.length : last];
  if (last < 0) return { decorated, declared: source.length, takesMore: isRest, rest: undefined };
  if (isRest && types[last] === Array && pipes.some(needsType))
    throw failure('FSK_REST_NOT_VALIDATED', place);
  const declared = isRest ? last : types.length;
  return { decorated, declared, takesMore: isRest, rest: isRest ? last : undefined };
}

/** Whether a pipe validates by the parameter's class. Some compilers write `Array` for a rest parameter of any class. */
function needsType({ instance, scoped }: Enhancer): boolean {
  const prototype = scoped ? (scoped.metatype as { prototype?: unknown } | null)?.prototype : instance;
  if (!(prototype instanceof ValidationPipe)) return false;
  return (prototype as unknown as { expectedType?: unknown }).expectedType === undefined; // protected in its type
}

/** What may stand in a parameter list and contain brackets or dots that are none. */
const TEXT_AND_COMMENTS = /\/\*[^]*?\*\/|\/\/.*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\[^]|[^`\\])*`/g;

/** Whether a function has a rest parameter: only its source tells. */
export function hasRest(source: (...values: never[]) => unknown): boolean {
  const tokens =
    String(source)
      .replace(TEXT_AND_COMMENTS, '')
      .match(/\.\.\.|[()[\]{}]/g) ?? [];
  let depth = 0;
  let isInParameters = false;
  for (const token of tokens) {
    if (isInParameters && depth === 1 && token === '...') return true;
    if ('([{'.includes(token)) {
      isInParameters ||= depth === 0 && token === '(';
      depth++;
    } else if (')]}'.includes(token) && --depth === 0 && isInParameters) return false;
  }
  return false;
}
