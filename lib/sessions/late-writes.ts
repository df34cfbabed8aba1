import type { SessionWatcher } from '../context/session-copy.js';

/** Told of a write that nobody saves: the handler that has ended, and the key. */
export type LateWrite = (place: string, key: PropertyKey) => void;

/**
 * Watches the session of one event: what is written when its handler has ended is written, but goes nowhere. What a
 * handler has taken out of its session while it ran (`const { cart } = session`) is not watched.
 */
export class LateWrites implements SessionWatcher {
  #place: string | undefined;

  constructor(private readonly tell: LateWrite) {}

  /** From now on writes are late. */
  end(place: string): void {
    this.#place = place;
  }

  get(target: object, key: PropertyKey): unknown {
    const value: unknown = Reflect.get(target, key);
    return this.#place !== undefined && isPlain(value) ? new Proxy(value, this) : value;
  }

  set(target: object, key: PropertyKey, value: unknown): boolean {
    this.#noteWrite(key);
    return Reflect.set(target, key, value);
  }

  deleteProperty(target: object, key: PropertyKey): boolean {
    this.#noteWrite(key);
    return Reflect.deleteProperty(target, key);
  }

  defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    this.#noteWrite(key);
    return Reflect.defineProperty(target, key, descriptor);
  }

  #noteWrite(key: PropertyKey): void {
    if (this.#place !== undefined) this.tell(this.#place, key);
  }
}

/** What holds values and nothing else: a Date or a Map does not work behind a proxy. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}
