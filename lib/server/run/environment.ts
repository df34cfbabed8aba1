import { availableParallelism } from 'node:os';
import { failure } from '../../common/errors.js';
import { printableValue } from '../../common/printable.js';

/** How many processes serve: a number, or as many as there are cores. */
export type Workers = number | 'auto';

/** What the environment says where `run()` is not told. */
export interface Environment {
  host: string | undefined;
  port: number | undefined;
  messageQueue: string | undefined;
  workers: Workers | undefined;
}

/** Reads HOST, PORT, MESSAGE_QUEUE and WORKERS; an empty one is not set. Throws `FSK_INVALID_ENVIRONMENT`. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const of = (name: string) => variables[name]?.trim() || undefined;
  return {
    host: of('HOST'),
    port: integer('PORT', of('PORT'), { least: 0, most: 65_535 }),
    messageQueue: brokerUrl('MESSAGE_QUEUE', of('MESSAGE_QUEUE')),
    workers: of('WORKERS') === 'auto' ? 'auto' : integer('WORKERS', of('WORKERS'), { least: 1, most: 1_024 }),
  };
}

/** How many workers that are. */
export function countOf(workers: Workers): number {
  if (workers === 'auto') return availableParallelism();
  if (Number.isInteger(workers) && workers >= 1) return workers;
  throw failure(
    'FSK_INVALID_OPTION',
    'workers',
    `must be a number of 1 or more, or 'auto', not ${printableValue(workers)}`,
  );
}

/** What is no URL is not shown: it may hold a password. */
function brokerUrl(name: string, text: string | undefined): string | undefined {
  if (text === undefined || text.includes('://')) return text;
  throw failure('FSK_INVALID_ENVIRONMENT', name, 'no URL', 'that of a broker, like redis://localhost');
}

function integer(
  name: string,
  text: string | undefined,
  { least, most }: { least: number; most: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw failure('FSK_INVALID_ENVIRONMENT', name, printableValue(text), `a number from ${least} to ${most}`);
}
