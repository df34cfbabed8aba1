import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { UsageError } from './usage.js';

const STDIN = '-';

/** The values that the arguments of a command stand for, each JSON; `-` is one on the standard input. */
export async function readValues(given: readonly string[], stdin: Readable): Promise<unknown[]> {
  if (given.filter((argument) => argument === STDIN).length > 1)
    throw new UsageError('The standard input holds one value: give - once.');
  const input = given.includes(STDIN) ? await text(stdin) : '';
  return given.map((argument, index) =>
    argument === STDIN
      ? parsed(input, 'The standard input')
      : parsed(argument, `Value ${index + 1} (${shortened(argument)})`),
  );
}

function parsed(json: string, place: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new UsageError(`${place} is no JSON: ${(error as Error).message}. A text is written '"text"'.`);
  }
}

function shortened(argument: string): string {
  return argument.length > 40 ? `${argument.slice(0, 40)}…` : argument;
}
