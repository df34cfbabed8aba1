import { inspect } from 'node:util';

/** The most characters shown of a client's value, and of an error's message. */
const MAX_VALUE = 200;
const MAX_MESSAGE = 2_000;
/** The most frames of a stack that are shown, and the most characters of one. */
const MAX_FRAMES = 50;
const MAX_FRAME = 500;

const INSPECT_OPTIONS = {
  depth: 1,
  breakLength: Infinity,
  maxArrayLength: 5,
  maxStringLength: 50,
  customInspect: false,
};

/** Control characters, line breaks, and characters that change the direction of text. */
const UNPRINTABLE =
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A client's text for a log line: quoted, on one line, without control characters, cut at 200. */
export function printable(value: unknown): string {
  return `'${oneLine(cut(safeString(value), MAX_VALUE))}'`;
}

/** A value for a message: text quoted, other primitives as they are, of objects only the type (they may hold secrets). */
export function printableValue(value: unknown): string {
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null || value instanceof Date)
    return shorten(String(value), MAX_VALUE);
  return safely(() => Array.isArray(value)) ? 'an array' : `an object (${nameOfClass(value) ?? 'Object'})`;
}

/** A number of things: `1 message`, `2 messages`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** Text without line breaks and control characters (a thrown message may hold a client's input). */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** How many causes of an error a log shows. */
const MAX_CAUSES = 3;

/** A thrown value for a log: its message on one line, then the stack and the causes. */
export function describeThrown(thrown: unknown, causes = MAX_CAUSES): string {
  const summary = summarizeThrown(thrown);
  const { stack, cause } = partsOf(thrown) ?? {};
  return [
    summary,
    ...framesOf(stack, thrown),
    ...(cause === undefined || causes === 0 ? [] : [`Caused by ${describeThrown(cause, causes - 1)}`]),
  ].join('\n');
}

/** The same without stack and causes: one line. */
export function summarizeThrown(thrown: unknown): string {
  const error = partsOf(thrown);
  if (!error) return `a value that is no Error was thrown: ${shownValue(thrown)}`;
  return `${shorten(error.name, MAX_VALUE)}: ${shorten(error.message, MAX_MESSAGE)}`;
}

/** The name of a thrown value: that of an Error, or of its class if it is just `Error`. */
export function nameOfThrown(thrown: unknown): string {
  const { name } = partsOf(thrown) ?? { name: typeof thrown };
  return shorten(name, MAX_VALUE);
}

interface ErrorParts {
  name: string;
  message: string;
  stack: string;
  cause: unknown;
}

/** Reads an Error's properties safely: getters and proxies may throw. */
function partsOf(thrown: unknown): ErrorParts | undefined {
  if (!safely(() => thrown instanceof Error)) return undefined;
  const error = thrown as Error;
  const name = safeString(safely(() => error.name));
  return {
    name: name === 'Error' ? (nameOfClass(error) ?? name) : name,
    message: safeString(safely(() => error.message) ?? ''),
    stack: safeString(safely(() => error.stack) ?? ''),
    cause: safely(() => error.cause),
  };
}

/**
 * The frames of a stack. It begins with the message, whose lines may look like frames, so the message is cut off. If it
 * was changed after the stack was made, that is impossible, and the stack is shown on one line.
 */
function framesOf(stack: string | undefined, thrown: unknown): string[] {
  if (!stack) return [];
  const frames = afterMessage(stack, partsOf(thrown)?.message ?? '');
  if (frames === undefined) return [`    stack: ${shorten(stack, MAX_MESSAGE)}`];
  return frames
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) => cut(line.replace(UNPRINTABLE, ''), MAX_FRAME));
}

/** The part of a stack after `Name: message`; `undefined` if it does not begin so. */
function afterMessage(stack: string, message: string): string | undefined {
  const first = stack.split('\n', 1)[0] ?? '';
  if (!first.includes(':')) return stack.slice(first.length); // the stack was made before the message was set
  const header = message === '' ? '' : `${first.slice(0, first.indexOf(':'))}: ${message}`;
  const rest = stack.slice(header.length);
  return stack.startsWith(header) && (rest === '' || rest.startsWith('\n')) ? rest : undefined;
}

/** A thrown value as a console shows it, without calling its methods. */
function shownValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return printable(value);
  return shorten(safely(() => inspect(value, INSPECT_OPTIONS)) ?? 'an object that cannot be read', MAX_VALUE);
}

/** One line of at most so many characters. */
function shorten(text: string, longest: number): string {
  return cut(oneLine(cut(text, longest)), longest);
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** The name of an object's class, if it has one. */
function nameOfClass(value: object): string | undefined {
  const name = safely(() => (value as { constructor?: { name?: unknown } }).constructor?.name);
  return typeof name === 'string' && name !== '' ? shorten(name, MAX_VALUE) : undefined;
}

function safeString(value: unknown): string {
  return safely(() => String(value)) ?? safely(() => Object.prototype.toString.call(value)) ?? '[unreadable]';
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
