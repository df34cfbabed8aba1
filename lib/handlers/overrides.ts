import { failure } from '../common/errors.js';
import {
  isAuthenticatedOnly,
  placeOf,
  type Declaration,
  type HandlerMetadata,
  type Handlers,
  type Override,
} from '../decorators/handler.metadata.js';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
} from './nest-internals.js';
import { hasParameters } from './parameters.js';

/** Without its connect handler a namespace would let everybody in. */
export function rejectConnectOverride({ prototype, of }: Override): void {
  if (of.handlers.every(({ kind }) => kind !== 'connect')) return;
  throw failure('FSK_CONNECT_OVERRIDDEN', placeOf(prototype, of.method), placeOf(of.prototype, of.method));
}

/** Warnings at boot about methods that override a handler without being one, or without the guards of the base. */
export function overrideWarnings({ overrides, redeclared }: Handlers): string[] {
  return [...overrides.map(describeOverride), ...redeclared.flatMap(describeLoss)];
}

function describeOverride({ prototype, of }: Override): string {
  const place = placeOf(prototype, of.method);
  return (
    `${place} overrides ${placeOf(of.prototype, of.method)} without ${of.handlers.map(decoratorOf).join(' and ')}, so ` +
    'it handles nothing: a method has the decorators that stand on it, guards and all, or none of them. ' +
    `Write them on ${place}, too, or give it another name.`
  );
}

/** An empty one, `@UseGuards()`, says that this is meant. */
function describeLoss({ by, of }: { by: Declaration; of: Declaration }): string[] {
  const lost = NOTED.filter(({ has, declines }) => has(of) && !has(by) && !declines?.(by)).map(
    ({ name }) => name,
  );
  if (lost.length === 0) return [];
  const [place, base] = [by, of].map(({ prototype, method }) => placeOf(prototype, method));
  return [
    `${place} overrides ${base} and is a handler of its own, so ${lost.join(', ')} of ${base} does not apply to it. ` +
      `Write it on ${place}, too; if it is meant to go, an empty one (@UseGuards()) says so.`,
  ];
}

/** What stands on a method: whether it has it, and whether it says that it does without. */
interface Noted {
  name: string;
  has: (declaration: Declaration) => boolean;
  declines?: (declaration: Declaration) => boolean;
}

const bound = (key: string) => (declaration: Declaration) =>
  [...declaration.functions, methodOf(declaration)].some((each) => Reflect.hasMetadata(key, each));

const NOTED: Noted[] = [
  { name: '@UseGuards()', has: bound(GUARDS_METADATA) },
  { name: '@UsePipes()', has: bound(PIPES_METADATA) },
  { name: '@UseInterceptors()', has: bound(INTERCEPTORS_METADATA) },
  { name: '@UseFilters()', has: bound(EXCEPTION_FILTERS_METADATA) },
  { name: '@AuthenticatedOnly()', has: isAuthenticatedOnly, declines: bound(GUARDS_METADATA) },
  {
    name: 'what decorates the parameters',
    has: hasParameters,
    declines: (declaration) => methodOf(declaration).length === 0,
  },
];

function methodOf({ prototype, method }: Declaration): (...values: unknown[]) => unknown {
  return Reflect.get(prototype, method) as (...values: unknown[]) => unknown;
}

function decoratorOf({ kind, event }: HandlerMetadata): string {
  if (kind === 'event') return `@OnEvent('${event}')`;
  return `@On${kind[0]?.toUpperCase()}${kind.slice(1)}()`;
}
