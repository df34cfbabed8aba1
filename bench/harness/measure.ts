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

/** So many rounds a server lives: how fast a process is depends on luck, too, such as where its code comes to lie. */
const LIFE = 15;

/** Puts a question to servers: a round for each in turn, as often as told, so that they all meet the same machine. */
export async function measure(
  question: Question,
  { bench, servers, rounds: wanted }: { bench: Bench; servers: readonly ServerName[]; rounds: number },
): Promise<Result> {
  const samples = new Map<ServerName, Sample[]>(servers.map((server) => [server, []]));
  const rounds = Math.min(wanted, question.rounds ?? wanted);
  for (let first = 0; first < rounds; first += LIFE) {
    const subjects = new Map<ServerName, Subject>();
    try {
      for (const server of servers) subjects.set(server, await question.subject(server, bench));
      for (const subject of subjects.values()) await subject.warmUp?.();
      for (let round = first; round < Math.min(first + LIFE, rounds); round++) {
        await eachOnce(rotated([...subjects], round), (server, sample) => samples.get(server)!.push(sample));
      }
    } finally {
      for (const subject of subjects.values()) await subject.stop();
    }
  }
  return { question, samples };
}

/** Another one is first in each round: who comes after whom, and when, must not decide. */
function rotated<Item>(items: readonly Item[], places: number): Item[] {
  const first = places % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

async function eachOnce(
  subjects: Iterable<[ServerName, Subject]>,
  take: (server: ServerName, sample: Sample) => void,
): Promise<void> {
  for (const [server, subject] of subjects) take(server, await subject.round());
}
