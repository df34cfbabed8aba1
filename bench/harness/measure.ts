import { EVERYTHING, SERVERS, type ServerName } from '../servers.js';
import type { Bench, Question, Sample, Subject } from './question.js';

/** The samples of a question: a list of rounds for each server. */
export interface Result {
  question: Question;
  samples: Map<ServerName, Sample[]>;
}

/** The servers that a question is put to. */
export function serversOf(question: Question, chosen: readonly ServerName[] = EVERYTHING): ServerName[] {
  return question.servers.filter((server) => chosen.includes(server) && SERVERS[server].isThere());
}

/** Puts a question to servers: a round for each in turn, as often as told, so that they all meet the same machine. */
export async function measure(
  question: Question,
  { bench, servers, rounds }: { bench: Bench; servers: readonly ServerName[]; rounds: number },
): Promise<Result> {
  const subjects = new Map<ServerName, Subject>();
  const samples = new Map<ServerName, Sample[]>(servers.map((server) => [server, []]));
  try {
    for (const server of servers) subjects.set(server, await question.subject(server, bench));
    for (const subject of subjects.values()) await subject.warmUp?.();
    for (let round = 0; round < Math.min(rounds, question.rounds ?? rounds); round++) {
      const order = round % 2 === 0 ? [...subjects] : [...subjects].toReversed();
      await eachOnce(order, (server, sample) => samples.get(server)!.push(sample));
    }
  } finally {
    for (const subject of subjects.values()) await subject.stop();
  }
  return { question, samples };
}

async function eachOnce(
  subjects: Iterable<[ServerName, Subject]>,
  take: (server: ServerName, sample: Sample) => void,
): Promise<void> {
  for (const [server, subject] of subjects) take(server, await subject.round());
}
