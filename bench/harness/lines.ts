import { createInterface } from 'node:readline';

/*
 * How the processes of a benchmark talk: one line of JSON on standard input for a question, one on standard output
 * for its answer. (Not Node's own channel, so that a server may be written in another language.)
 */

/** What is asked, and what else there is to know. */
export interface Asked {
  ask: string;
}

/** Says one thing to whoever started this process. */
export function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Answers questions, one after the other, until there are none any more. Then the process ends. */
export async function answer(
  answers: Record<string, (question: never) => object | Promise<object>>,
): Promise<void> {
  for await (const line of createInterface(process.stdin)) {
    const question = JSON.parse(line) as Asked;
    say(await answers[question.ask]!(question as never));
  }
  process.exit();
}
