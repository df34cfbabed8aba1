import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { root } from '../support/repository.js';
import { importsOf, libFiles } from '../support/source.js';

/** A file of lib, named without its ending, and the files that it imports. */
const imports = new Map(
  libFiles().map((file) => [nameOf(file.fileName), importsOf(file).map(({ to }) => nameOf(to))]),
);

function nameOf(path: string): string {
  return path.replace(/\.ts$/, '');
}

interface Walk {
  title: string;
  /** The files, by the id of their box. */
  files: Map<string, string>;
  solid: [from: string, to: string][];
}

const page = readFileSync(`${root}docs/architecture.md`, 'utf8');
const walks = [...page.matchAll(/^### (.+)\n\n```mermaid\n([^]*?)```/gm)].map(
  ([, title = '', drawing = '']) => walkOf(title, drawing),
);

function walkOf(title: string, drawing: string): Walk {
  const boxes = [...drawing.matchAll(/^ {2}(\w+)\["([\w./-]+)<br>/gm)];
  const arrows = [...drawing.matchAll(/^ {2}(\w+) --(?:[^.>]*--)?> (\w+)$/gm)];
  return {
    title,
    files: new Map(boxes.map(([, id = '', file = '']) => [id, file])),
    solid: arrows.map(([, from = '', to = '']) => [from, to]),
  };
}

/** What a drawing says that is not so. */
function mistakesOf({ files, solid }: Walk): string[] {
  const absent = [...files.values()].filter((file) => !imports.has(file));
  const strangers = solid
    .map(([from, to]) => [files.get(from), files.get(to)])
    .filter((pair): pair is [string, string] => pair.every((file) => file !== undefined))
    .filter(([from, to]) => !knows(from, to) && !knows(to, from))
    .map(([from, to]) => `${from} and ${to} do not know each other`);
  return [...absent.map((file) => `${file} is no file`), ...strangers];
}

const knows = (file: string, other: string) => imports.get(file)?.includes(other) ?? false;

describe('the walks of docs/architecture.md', () => {
  it('are those of an event, a connect, an emit and a message from another process', () => {
    const titles = ['An event', 'A connect', 'An emit', 'A message from another process'];
    expect(walks.map(({ title }) => title)).toEqual(titles);
    for (const { files, solid } of walks) expect(Math.min(files.size, solid.length)).toBeGreaterThan(5);
  });

  it.each(walks)('go through the files that there are: $title', (walk) => {
    expect(mistakesOf(walk)).toEqual([]);
  });

  it('would be found wrong with a file that is not there, and an arrow between strangers', () => {
    const wrong = walkOf(
      '',
      '  a["common/address<br>x"]\n  b["queue/amqp<br>x"]\n  c["queue/gone<br>x"]\n  a -- y --> b\n',
    );
    expect(mistakesOf(wrong)).toEqual([
      'queue/gone is no file',
      'common/address and queue/amqp do not know each other',
    ]);
  });
});
