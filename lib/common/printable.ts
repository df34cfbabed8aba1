import { inspect } from 'node:util';

/** So much of a client's value is shown, and so much of an error's message, in characters. */
const LONGEST = 200;
const LONGEST_MESSAGE = 2_000;
/** So many frames of a stack are shown, and so much of one. */
const FRAMES = 50;
const LONGEST_FRAME = 500;

/** How an object is looked at. */
const LOOK = {
  depth: 1,
  breakLength: Infinity,
  maxArrayLength: 5,
  maxStringLength: 50,
  customInspect: false,
};

/** Control characters, line breaks, and what turns the direction of the text after it. */
const UNPRINTABLE =
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A client's text for a log line: quoted, on one line, without control characters, cut at 200. */
export function printable(value: unknown): string {
  return `'${oneLine(cut(safeString(value), LONGEST))}'`;
}

/** Any value for a message: text quoted, simple values as they are, of others what they are (they may hold secrets). */
export function printableValue(value: unknown): string {
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null || value instanceof Date)
    return shorten(String(value), LONGEST);
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
const CAUSES = 3;

/** What a log shows of something thrown, which need not be an Error: message on one line, then the stack, its causes. */
export function describeThrown(thrown: unknown, causes = CAUSES): string {
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
  return `${shorten(error.name, LONGEST)}: ${shorten(error.message, LONGEST_MESSAGE)}`;
}

/** The name of something thrown: of an Error its own, or its class's where it has no other. */
export function nameOfThrown(thrown: unknown): string {
  const { name } = partsOf(thrown) ?? { name: typeof thrown };
  return shorten(name, LONGEST);
}

interface ErrorParts {
  name: string;
  message: string;
  stack: string;
  cause: unknown;
}

/** What can be read of an Error; getters and proxies may throw. */
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
 * The frames of a stack. It begins with the message, whose lines may look like frames: they are told apart by the
 * message itself. Where that has been changed since, nothing can tell, and the stack is shown on one line.
 */
function framesOf(stack: string | undefined, thrown: unknown): string[] {
  if (!stack) return [];
  const frames = afterMessage(stack, partsOf(thrown)?.message ?? '');
  if (frames === undefined) return [`    stack: ${shorten(stack, LONGEST_MESSAGE)}`];
  return frames
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, FRAMES)
    .map((line) => cut(line.replace(UNPRINTABLE, ''), LONGEST_FRAME));
}

/** What follows `Name: message` in a stack, if that is how it begins. */
function afterMessage(stack: string, message: string): string | undefined {
  const first = stack.split('\n', 1)[0] ?? '';
  if (!first.includes(':')) return stack.slice(first.length); // the message came later
  const header = message === '' ? '' : `${first.slice(0, first.indexOf(':'))}: ${message}`;
  const rest = stack.slice(header.length);
  return stack.startsWith(header) && (rest === '' || rest.startsWith('\n')) ? rest : undefined;
}

/** A thrown value as a console shows it, without calling anything of its own. */
function shownValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return printable(value);
  return shorten(safely(() => inspect(value, LOOK)) ?? 'an object that cannot be read', LONGEST);
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
  return typeof name === 'string' && name !== '' ? shorten(name, LONGEST) : undefined;
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
