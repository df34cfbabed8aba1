import { failure } from '../../common/errors.js';
import type { FlaskSocketLogger } from '../../common/logger.js';
import { printableValue } from '../../common/printable.js';
import { Election } from '../../queue/election.js';
import type { Fleet } from '../../queue/fleet.js';

/** Who of all processes does what is to be done once: an election for each name that is asked for. */
export class Leadership {
  readonly #elections = new Map<string, Election>();
  /** Until it is known: whoever asks before takes part as soon as it is. */
  #others: Fleet | 'nobody' | undefined;
  #isListening = false;
  #isClosed = false;

  constructor(private readonly logger: FlaskSocketLogger) {}

  /** The election of a name. */
  of(name: string): Election {
    if (typeof name !== 'string' || name === '') throw failure('FSK_UNNAMED_LEADER', printableValue(name));
    let election = this.#elections.get(name);
    if (!election) this.#elections.set(name, (election = new Election(name, this.logger)));
    if (this.#isClosed) election.close();
    else this.#introduce(election);
    return election;
  }

  /** These are all processes; without a message queue there is only this one. */
  among(others: Fleet | 'nobody'): void {
    this.#others = others;
    for (const election of this.#elections.values()) this.#introduce(election);
  }

  /** Lets other processes take over. */
  close(): void {
    this.#isClosed = true;
    for (const election of this.#elections.values()) election.close();
  }

  #introduce(election: Election): void {
    if (!this.#others) return;
    if (this.#others !== 'nobody') this.#listen(this.#others);
    election.among(this.#others);
  }

  /** Not before somebody asks: most applications never do. */
  #listen(fleet: Fleet): void {
    if (this.#isListening) return;
    this.#isListening = true;
    fleet.hear((word) => this.#elections.get(word.name)?.heard(word));
  }
}
