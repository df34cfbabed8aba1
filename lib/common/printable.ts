const LONGEST = 200;

// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A client's text for a log line: quoted, on one line, without control characters, cut at 200. */
export function printable(value: unknown): string {
  const text = safeString(value);
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return `'${oneLine(cut)}'`;
}

/** Text without line breaks and control characters (a thrown message may hold a client's input). */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** How many causes of an error a log shows. */
const CAUSES = 3;

/** What a log shows of something thrown, which need not be an Error: message on one line, then the stack, its causes. */
export function describeThrown(thrown: unknown, causes = CAUSES): string {
  if (!(thrown instanceof Error)) return `a value that is no Error was thrown: ${printable(thrown)}`;
  const message = oneLine(safeString(thrown.message));
  const frames = safeString(thrown.stack)
    .split('\n')
    .filter((line) => /^\s+at /.test(line));
  return [
    `${oneLine(safeString(thrown.name))}: ${message}`,
    ...frames.map((line) => line.replace(UNPRINTABLE, '')),
    ...(thrown.cause === undefined || causes === 0
      ? []
      : [`Caused by ${describeThrown(thrown.cause, causes - 1)}`]),
  ].join('\n');
}

function safeString(value: unknown): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
