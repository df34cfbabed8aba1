import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { execute } from '../../../lib/cli/execute.js';

const nowhere = 'redis://user:a-password@127.0.0.1:1';

/** Does what a command line says, without a process of its own; the standard input is empty. */
async function run(args: string[], env: Record<string, string> = {}) {
  const said = { stdout: '', stderr: '' };
  const code = await execute(args, {
    env,
    stdin: Readable.from([]),
    write: (text) => void (said.stdout += text),
    writeError: (text) => void (said.stderr += text),
  });
  return { code, ...said };
}

describe('a command line', () => {
  it.each<[string, string[], RegExp]>([
    ['no command', [], /Say what to do: emit, send, close-room, disconnect/],
    ['an unknown command', ['shout'], /There is no command shout/],
    ['an unknown option', ['emit', 'x', '--loud'], /Unknown option '--loud'/],
    ['an option of another command', ['close-room', 'a', '--to', 'b'], /close-room has no option --to/],
    ['no event', ['emit'], /emit needs the name of an event/],
    ['no value', ['send'], /send needs one value, and got 0/],
    ['two values', ['send', '1', '2'], /send needs one value, and got 2/],
    ['no room', ['close-room'], /close-room needs one room/],
    ['no sid', ['disconnect'], /disconnect needs one sid/],
    ['an option without its value', ['emit', 'x', '--to'], /--to needs a value/],
    ['an option in the place of a value', ['emit', 'x', '--to', '--json'], /--to needs a value/],
    ['a short option that there is none of', ['emit', 'x', '-x'], /Unknown option '-x'/],
    ['no JSON', ['emit', 'x', '1', 'two'], /Value 2 \(two\) is no JSON: .*A text is written '"text"'/],
    ['no JSON on the standard input', ['send', '-'], /The standard input is no JSON: /],
    ['the standard input twice', ['emit', 'x', '-', '-'], /give - once/],
    [
      'a timeout that is none',
      ['emit', 'x', '--timeout', 'soon'],
      /"timeout" of flask-socket must be a number/,
    ],
    ['a namespace that is none', ['emit', 'x', '--namespace', 'test'], /FSK_INVALID_NAMESPACE/],
    ['a reserved event', ['emit', 'connect'], /FSK_RESERVED_EVENT/],
    ['an unknown protocol', ['emit', 'x', '--protocol', 'smtp'], /--protocol is socket.io or flask-socketio/],
    ['a secret that is too short', ['emit', 'x', '--secret', 'short'], /"queueSecret" .* 16 characters/],
  ])('O1 ends with code 2 and one line for %s', async (_, args, problem) => {
    const ended = await run(args, { MESSAGE_QUEUE: nowhere });

    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^flask-socket: .*\n$/);
    expect(ended.stderr).toMatch(problem);
  });

  it.each([
    ['none', [], /Which message queue\? Give --queue <url>, or set MESSAGE_QUEUE/],
    [
      'no URL',
      ['--queue', 'user:a-password@host'],
      /The message queue is no URL like redis:\/\/localhost\.\n$/,
    ],
    ['an unknown one', ['--queue', 'pigeon://a-password@loft'], /FSK_UNKNOWN_QUEUE: Unknown scheme "pigeon"/],
  ])('O1 ends with code 2 and one line for a message queue that is %s', async (_, args, problem) => {
    const { code, stderr } = await run(['emit', 'x', ...args]);

    expect(code).toBe(2);
    expect(stderr).toMatch(problem);
    expect(stderr).not.toContain('a-password');
  });
});
