/** Notes what happens, and lets a test wait for it. */
export class Journal<T = string> {
  readonly entries: T[] = [];
  readonly #waiting = new Set<() => void>();

  readonly add = (entry: T): void => {
    this.entries.push(entry);
    for (const look of this.#waiting) look();
  };

  /** Resolves when there are this many entries. */
  reached(count: number): Promise<T[]> {
    return this.#when(() => this.entries.length >= count);
  }

  /** Resolves when one of the entries is this one. */
  has(entry: T): Promise<T[]> {
    return this.#when(() => this.entries.includes(entry));
  }

  /** Resolves with the first entry of which `found` is true. */
  async find(found: (entry: T) => boolean): Promise<T> {
    const entries = await this.#when(() => this.entries.some(found));
    return entries.find(found) as T;
  }

  #when(reached: () => boolean): Promise<T[]> {
    return new Promise((resolve) => {
      const look = () => {
        if (!reached()) return;
        this.#waiting.delete(look);
        resolve(this.entries);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** A promise that the test resolves. */
export class Gate {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}
