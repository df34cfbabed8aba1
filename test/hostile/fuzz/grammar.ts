import type { RawPacket } from '../../support/raw-client.js';
import { TYPE } from '../../support/raw-client.js';

/** Arrays in arrays, each as long as memory lasts. */
const BOMB = Buffer.concat(Array.from({ length: 60 }, () => Buffer.from('dd01c9c380', 'hex')));

/** Numbers that look random and come again with their seed; `below(n)` is from 0 to n - 1. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  readonly below = (limit: number): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0; // mulberry32
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };

  /** Once in so many times. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

/** What the application handles, and which asks the client back. */
const EVENTS = [
  'echo', 'later', 'callback', 'callback', 'call', 'call', 'call another', 'callback of another', 'all', 'room',
  'members', 'session', 'throw', 'sid', 'unknown',
] as const; // prettier-ignore

/** What it does not; a name that Socket.IO keeps ends the connection in some dialects. */
const ODD_EVENTS = [
  '*', 'question', 'exception', 'error', 'connect', 'disconnect', 'disconnecting', 'newListener', '__proto__',
  'constructor', 'toString', '', 'x'.repeat(129),
] as const; // prettier-ignore

const TEXTS = [
  '', 'a', 'lobby', '__proto__', 'constructor', 'then', '\ud800', '👋', '\u0000\u2028', 'x'.repeat(5_000), '{"a":1}', '/',
] as const; // prettier-ignore

const KEYS = [
  'a',
  'b',
  '__proto__',
  'constructor',
  'toJSON',
  'then',
  '_placeholder',
  'num',
  'length',
  '',
] as const;

const NUMBERS = [0, 1, -1, 1.5, -0, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, Number.MIN_VALUE] as const;

const NAMESPACES = ['/', '/slow', '/closed', '/job/1', '/job/2'] as const;
const ODD_NAMESPACES = ['/none', '/slow?a=1', '', '//', '/%00', '/job/', '/job/1/2'] as const;

/** Makes the packets of one client: most of them well-formed, with anything in them; some no library would make. */
export class Grammar {
  /** The questions that the client was asked. */
  readonly questions: RawPacket[] = [];
  /** The namespaces that it has asked for: a packet for another one ends the connection. */
  readonly #asked: string[] = ['/'];

  /** `sids` are clients that have been heard of; what is large comes so many times more seldom. */
  constructor(
    readonly dice: Dice,
    private readonly sids: readonly string[],
    private readonly seldomness = 1,
  ) {}

  /** Any value that packets can carry. */
  value(depth = 0): unknown {
    const { dice } = this;
    if (dice.once(400 * this.seldomness)) return this.#large();
    const kind = dice.below(depth > 4 ? 6 : 9);
    if (kind < 2) return dice.pick(TEXTS);
    if (kind === 2) return dice.pick(NUMBERS);
    if (kind === 3) return dice.pick([true, false, null]);
    if (kind === 4) return Buffer.alloc(dice.below(40), dice.below(256));
    if (kind === 5) return dice.pick([...this.sids, 'nobody']);
    if (kind < 8) return Array.from({ length: dice.below(5) }, () => this.value(depth + 1));
    return this.#object(depth);
  }

  #object(depth: number): object {
    const entries = Array.from({ length: this.dice.below(4) }, () => [
      this.dice.pick(KEYS),
      this.value(depth + 1),
    ]);
    return Object.defineProperties(
      {},
      Object.fromEntries(
        entries.map(([key, value]) => [key, { value, enumerable: true, writable: true, configurable: true }]),
      ),
    ) as object;
  }

  /** What no honest client sends. */
  #large(): unknown {
    const { dice } = this;
    if (dice.once(3)) return Array.from({ length: dice.pick([1_001, 9_999, 10_001, 60_000]) }, () => 1);
    if (dice.once(2)) return 'x'.repeat(dice.pick([70_000, 400_000]));
    let nested: unknown = 1;
    for (let level = dice.pick([99, 101, 1_000, 3_000]); level > 0; level--)
      nested = level % 2 ? [nested] : { a: nested };
    return nested;
  }

  /** Arguments; once in `seldom` times more than anybody expects. */
  values(seldom = 60): unknown[] {
    const { dice } = this;
    const length = dice.once(seldom * this.seldomness)
      ? dice.pick([1_000, 1_001, 130_000, 130_000])
      : dice.below(4);
    return length > 10 ? Array.from({ length }, () => 1) : Array.from({ length }, () => this.value());
  }

  /** The next packet of the client. */
  packet(): RawPacket {
    const { dice } = this;
    const kind = dice.below(40);
    const nsp = dice.once(100) ? dice.pick(ODD_NAMESPACES) : dice.pick(this.#asked);
    if (kind < 3) return this.#connect();
    if (kind === 3) return { type: TYPE.disconnect, nsp };
    if (dice.once(200)) return { type: TYPE.connectError, nsp, data: { message: 'no' } };
    if (kind < 8 || (this.questions.length > 0 && kind < 20)) return this.#answer(nsp);
    return { type: TYPE.event, nsp, data: [this.#name(), ...this.values()], ...this.#id() };
  }

  #connect(): RawPacket {
    const { dice } = this;
    const fresh = NAMESPACES.filter((name) => !this.#asked.includes(name));
    const nsp = dice.once(5) || fresh.length === 0 ? dice.pick(ODD_NAMESPACES) : dice.pick(fresh);
    this.#asked.push(nsp);
    return { type: TYPE.connect, nsp, data: dice.once(2) ? undefined : this.#object(0) };
  }

  /** To a question of the server, mostly; sometimes to one that it has not asked, or twice. */
  #answer(nsp: string): RawPacket {
    const { dice, questions } = this;
    const asked = dice.once(10) ? undefined : dice.once(5) ? questions[0] : questions.shift();
    return { type: TYPE.ack, nsp: asked?.nsp ?? nsp, data: this.values(8), id: asked?.id ?? dice.below(50) };
  }

  #name(): unknown {
    const { dice } = this;
    if (dice.once(60)) return this.value();
    return dice.once(30) ? dice.pick(ODD_EVENTS) : dice.pick(EVENTS);
  }

  #id(): { id?: number } {
    const { dice } = this;
    if (dice.once(2)) return {};
    return { id: dice.once(20) ? dice.pick([-1, 2 ** 53, 1e300, 0]) : dice.below(1_000) };
  }

  /** A part of a packet as it goes over the wire, sometimes damaged on its way. */
  damaged(part: string | Buffer): string | Buffer {
    const { dice } = this;
    if (!dice.once(40)) return part;
    if (Buffer.isBuffer(part)) return this.#damagedBytes(part);
    const at = dice.below(part.length + 1);
    const character = String.fromCharCode(dice.once(4) ? dice.below(0xffff) : 32 + dice.below(95));
    const [head, tail] = [part.slice(0, at), part.slice(at)];
    return dice.pick([
      head + character + tail,
      head + tail.slice(1),
      head,
      head + character + tail.slice(1),
      part + part,
    ]);
  }

  #damagedBytes(bytes: Buffer): Buffer {
    const { dice } = this;
    const copy = Buffer.from(bytes);
    const at = dice.below(copy.length);
    if (dice.once(4)) return Buffer.concat([copy.subarray(0, at), BOMB]);
    if (dice.once(3)) return copy.subarray(0, at);
    const header = Buffer.alloc(5, dice.pick([0xdd, 0xdf, 0xdb, 0xc6, 0xc9]));
    header.writeUInt32BE(dice.pick([1, 1_000, 30_000_000, 0xffffffff]), 1);
    const headers = Buffer.concat(Array.from({ length: dice.pick([1, 60]) }, () => header));
    if (dice.once(2)) return Buffer.concat([copy.subarray(0, at), headers, copy.subarray(at)]);
    copy[at] = dice.below(256);
    return copy;
  }
}
