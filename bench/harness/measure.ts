import { EVERYTHING, SERVERS, type ServerName } from '../servers.js';
import type { Question, Sample, Subject } from './question.js';

/** A list of rounds for each server. */
export type Samples = Map<ServerName, Sample[]>;

/** What a question has brought. */
export interface Result {
  question: Question;
  samples: Samples;
}

/** The servers that a question is put to. */
export function serversOf(question: Question, chosen: readonly ServerName[] = EVERYTHING): ServerName[] {
  return question.servers.filter((server) => chosen.includes(server) && SERVERS[server].isThere());
}

/** So many rounds a server lives: how fast a process is depends on luck, too, such as where its code comes to lie. */
const LIFE = 15;

/** A round for each server in turn, as often as told, so that they all meet the same machine. */
export async function measure(
  subjectOf: (server: ServerName) => Promise<Subject>,
  { servers, rounds }: { servers: readonly ServerName[]; rounds: number },
): Promise<Samples> {
  const samples: Samples = new Map(servers.map((server) => [server, []]));
  for (let first = 0; first < rounds; first += LIFE) {
    const subjects = new Map<ServerName, Subject>();
    try {
      for (const server of servers) subjects.set(server, await subjectOf(server));
      for (const subject of subjects.values()) await subject.warmUp?.();
      for (let round = first; round < Math.min(first + LIFE, rounds); round++) {
        await eachOnce(rotated([...subjects], round), (server, sample) => samples.get(server)!.push(sample));
      }
    } finally {
      for (const subject of subjects.values()) await subject.stop();
    }
  }
  return samples;
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
