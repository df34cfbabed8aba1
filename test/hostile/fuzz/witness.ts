/** The builtin prototypes that nothing may be added to. */
const PROTOTYPES = [
  Object.prototype,
  Array.prototype,
  Function.prototype,
  String.prototype,
  Buffer.prototype,
];
const USUAL = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

/** What the prototype of a value in a packet may be. */
const PLAIN: ReadonlySet<unknown> = new Set([
  Object.prototype, Array.prototype, Buffer.prototype, Date.prototype, null,
]); // prettier-ignore

/** The documented limits: of a packet's data, and of the number of arguments. */
const LIMITS = { depth: 100, keys: 10_000, arguments: 1_000 };

/** What is wrong with the builtin prototypes, which is undone. */
export function pollution(): string | undefined {
  const index = PROTOTYPES.findIndex((prototype, at) => Reflect.ownKeys(prototype).length !== USUAL[at]);
  const prototype = PROTOTYPES[index];
  if (!prototype) return undefined;
  const added = Reflect.ownKeys(prototype).slice(USUAL[index]);
  for (const key of added) Reflect.deleteProperty(prototype, key);
  return `polluted: ${PROTOTYPES[index]?.constructor.name}.prototype has ${added.map(String).join(', ')}`;
}

/** What is wrong with the arguments of an event, which no application would expect. */
export function valuesProblem(values: readonly unknown[]): string | undefined {
  if (values.length > LIMITS.arguments) return 'arguments: too many';
  let count = 0;
  let level: object[] = [values];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > LIMITS.depth) return 'depth: too deep';
    const below: object[] = [];
    for (const container of level) {
      if (!PLAIN.has(Object.getPrototypeOf(container))) return 'prototype: it is none of a packet';
      if (ArrayBuffer.isView(container)) continue;
      if (Object.hasOwn(container, '__proto__')) return '__proto__: it is a key';
      const items: unknown[] = Object.values(container);
      count += items.length;
      if (count > LIMITS.keys) return 'keys: too many';
      for (const item of items) if (typeof item === 'object' && item !== null) below.push(item);
    }
    level = below;
  }
  return undefined;
}

/** Sees what the application is called with during one case, and keeps what is wrong with it. */
export class Witness {
  wrong: string | undefined;
  /** The clients that have been accepted and are not gone. */
  readonly present = new Set<string>();

  /** Forgets the case before. */
  begin(): void {
    this.wrong = undefined;
    this.present.clear();
  }

  blame(wrong: string): void {
    this.wrong ??= wrong;
  }

  connected(key: string): void {
    if (this.present.has(key)) this.blame(`hook: ${key} connects twice`);
    this.present.add(key);
  }

  disconnected(key: string, event: { message: string | null }): void {
    if (!this.present.delete(key)) this.blame(`hook: ${key} has gone twice, or never came`);
    if (event.message !== 'disconnect') this.blame(`hook: run by ${event.message}`);
  }

  /** A handler of some name runs for an event. */
  handled(name: string, { event, values }: { event: string | null; values: readonly unknown[] }): void {
    if (name !== event) this.blame(`handler: ${name} runs for ${event}`);
    const problem = valuesProblem(values);
    if (problem !== undefined) this.blame(`${problem}, in ${name}`);
  }
}
