import { randomUUID } from 'node:crypto';
import { setImmediate as afterThis, setTimeout as delay } from 'node:timers/promises';

/** How long a broadcast waits for its turn in the stream, in milliseconds. */
const PATIENCE = 500;

/** A message in the stream; `mark` tells who waits for it. */
export interface Marked {
  id: string;
  message: { mark?: string };
}

/**
 * Lets the clients of this process get its own broadcasts when their turn has come in the stream, between those of
 * the other processes. A client that comes back names the last entry that it got; it must have got all before it,
 * and none after it.
 */
export class StreamTurns<M extends Marked> {
  readonly #me = randomUUID();
  readonly #waiting = new Map<string, (id: string) => void>();
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();
  #unread: M[] = [];
  #handed: string | undefined;
  #held: Promise<unknown> = Promise.resolve();

  /** Publishes with a mark; resolves with the id when it is its turn, rejects when that does not come in time. */
  async take(publish: (mark: string) => Promise<unknown>): Promise<string> {
    const mark = `${this.#me} ${++this.#count}`;
    const turn = new Promise<unknown>((resolve) => this.#waiting.set(mark, resolve));
    const notPublished = publish(mark).then((id) => (id === undefined ? id : turn));
    const late = delay(PATIENCE, undefined, { ref: false });
    const before = this.#last;
    const mine = Promise.race([turn, notPublished, late]);
    this.#last = Promise.all([mine, before]);
    await this.#last;
    this.#waiting.delete(mark);
    const id = await mine;
    if (typeof id !== 'string') throw new Error('the stream did not take it in time');
    return id;
  }

  /** Of what is read, all before the next of our own; then that one, on its own. */
  async next(read: () => Promise<M[]>): Promise<M[]> {
    if (this.#unread.length === 0) this.#unread = await read();
    await this.#released();
    const own = this.#unread.findIndex(({ message: { mark = '' } }) => this.#waiting.has(mark));
    const handed = this.#unread.splice(0, own < 0 ? this.#unread.length : Math.max(own, 1));
    this.#handed = handed.at(-1)?.id ?? this.#handed;
    if (own !== 0) return handed;
    const [mine] = handed;
    this.#waiting.get(mine?.message.mark ?? '')?.(mine?.id ?? '');
    await afterThis(); // its clients get it before what follows
    return [];
  }

  /** Resolves when the clients of this process have got `id`, or after a while. */
  async reached(id: string, start: string): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (isBefore(this.#handed ?? start, id) && Date.now() < deadline) await delay(5);
  }

  /**
   * What is read up to where the clients of this process are. Nothing is handed on before the one that is replayed
   * to is one of them: it would get the same again, or not at all.
   */
  async replay(read: (end: string) => Promise<M[]>, start: string): Promise<M[]> {
    const entries = read(this.#handed ?? start);
    this.#held = entries.then(
      () => afterThis(),
      () => {},
    );
    return await entries;
  }

  async #released(): Promise<void> {
    const held = this.#held;
    await held;
    if (held !== this.#held) await this.#released();
  }
}

/** Whether one id of a stream stands before another. */
export function isBefore(one: string, other: string): boolean {
  const [a, b] = [one, other].map((id) => id.split('-').map(BigInt)) as [bigint[], bigint[]];
  return a[0]! < b[0]! || (a[0] === b[0] && a[1]! < b[1]!);
}
