import { ANY } from './constants.js';
import { failure } from './errors.js';
import { printableValue } from './printable.js';

const VALID = /^\/[^\s,?#*]*$/;
const PARAMETER = /^:([A-Za-z_]\w*)$/;
/** Invalid parameters, which are not a whole segment: `/job-:id`, `/job/:id.json`. */
const BROKEN_PARAMETER = /[-.~+(]:[A-Za-z_]|\/:(?![A-Za-z_]\w*(?:\/|$))/;

/** The values of a namespace's parameters: `/job/:id` connected as `/job/7` → `{ id: '7' }`. */
export type NamespaceParams = Readonly<Record<string, string>>;

/** Returns the namespace; throws an error with its `place` if it is invalid. */
export function checkNamespace(namespace: unknown, place: string): string {
  if (namespace === ANY) return ANY;
  if (typeof namespace !== 'string' || !VALID.test(namespace) || isBroken(namespace)) {
    throw failure('FSK_INVALID_NAMESPACE', printableValue(namespace), place);
  }
  return namespace;
}

function isBroken(namespace: string): boolean {
  return namespace.includes(':') && BROKEN_PARAMETER.test(namespace);
}

/** The same, for a namespace that clients can connect to: neither `*` nor one with parameters. */
export function checkConcreteNamespace(namespace: unknown, place: string): string {
  const name = checkNamespace(namespace, place);
  if (name === ANY || isPattern(name)) {
    throw failure('FSK_INVALID_NAMESPACE', printableValue(name), `${place}, which speaks to one namespace`);
  }
  return name;
}

/** Whether the namespace has parameters (`/job/:id`). */
export function isPattern(namespace: string): boolean {
  return namespace.includes('/:');
}

/** Matches namespaces with a pattern (`/job/:id`) and reads its parameters. */
export class NamespacePattern {
  readonly expression: RegExp;
  readonly #names: string[] = [];

  constructor(readonly source: string) {
    const segments = source.split('/').map((segment) => this.#segment(segment));
    this.expression = new RegExp(`^${segments.join('/')}$`);
  }

  /** The parameters of a namespace; `undefined` if it does not match. */
  match(namespace: string): NamespaceParams | undefined {
    const found = this.expression.exec(namespace);
    if (!found) return undefined;
    return Object.fromEntries(this.#names.map((name, index) => [name, decoded(found[index + 1] ?? '')]));
  }

  #segment(segment: string): string {
    const name = PARAMETER.exec(segment)?.[1];
    if (name === undefined) return segment.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    this.#names.push(name);
    return '([^/]+)';
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
