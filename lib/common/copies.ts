import { failure, type FlaskSocketError } from './errors.js';

/** Where this copy of the package lies. A bundle may not know. */
export const HERE: string = URL.canParse('..', import.meta.url)
  ? decodeURI(new URL('..', import.meta.url).href.replace(/^file:\/\//, ''))
  : 'a bundle';

/** Under this key a copy marks what is its own, so that another one can tell. */
export const COPY = Symbol.for('nestjs-flask-socket copy');

const SERVING = Symbol.for('nestjs-flask-socket serving');

/** By the place of a copy: whether a handler of it is running here. */
type Serving = Map<string, () => boolean>;

/** The copies that serve in this process. They cannot import each other: they have nothing in common but this. */
function serving(): Serving {
  const shared = globalThis as { [SERVING]?: Serving };
  return (shared[SERVING] ??= new Map<string, () => boolean>());
}

/** Lets the other copies know that this one serves, and when one of its handlers is running. */
export function serve(isHandling: () => boolean): void {
  serving().set(HERE, isHandling);
}

/** The place of another copy, if a handler of that one is running. */
export function copyThatHandles(): string | undefined {
  const other = [...serving()].find(([place, isHandling]) => place !== HERE && isHandling());
  return other?.[0];
}

/** The place of another copy that marked a thing as its own. */
export function otherCopyOf(marked: unknown): string | undefined {
  return typeof marked === 'string' && marked !== HERE ? marked : undefined;
}

/** The error of a thing that belongs to another copy. */
export function twoCopies(what: string, place: string): FlaskSocketError {
  return failure('FSK_TWO_COPIES', what, place, HERE);
}
