import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { SocketIO } from 'nestjs-flask-socket';
import type { Server } from 'socket.io';
import { isDispatchable } from '../../../lib/common/args.js';
import { PacketType } from '../../../lib/common/constants.js';
import { createApp } from '../../support/portless.js';
import { optionsFor, type Dialect } from '../../support/raw-client.js';
import { keptLog, open, turns, Wire } from '../../support/units.js';
import { Grammar, type Dice } from './grammar.js';
import { mutated, type Part } from './mutation.js';
import type { Target } from './fuzzer.js';
import { gatewayFor } from './gateway.js';
import { pollution, Witness } from './witness.js';

/** The sids that the grammar speaks of; nobody has them, so that the same case is the same in each run. */
const SIDS = ['AAAAAAAAAAAAAAAAAAAA', 'BBBBBBBBBBBBBBBBBBBB'];

/** So many turns of the event loop an application may take for an answer. */
const PATIENCE = 60;

interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

interface Coder {
  Encoder: new () => { encode(packet: Packet): (string | Buffer)[] };
  Decoder: new () => {
    add(data: unknown): void;
    on(event: 'decoded', listener: (packet: Packet) => void): void;
    destroy?(): void;
  };
}

/** The whole application behind a wire without a network: decoder, dispatcher, handlers. */
export class DecoderTarget implements Target {
  readonly name: string;
  readonly #witness: Witness;
  readonly #server: Server;
  readonly #coder: Coder;

  private constructor(
    readonly dialect: Dialect,
    { app, witness, log }: { app: INestApplication; witness: Witness; log: ReturnType<typeof keptLog> },
  ) {
    this.name = `decoder, ${dialect}`;
    this.#witness = witness;
    this.#server = app.get(SocketIO).server;
    this.log = log;
    this.#coder = (this.#server as unknown as { _parser: Coder })._parser; // typed private
  }

  readonly log: ReturnType<typeof keptLog>;

  static async start(dialect: Dialect): Promise<DecoderTarget> {
    const [witness, log] = [new Witness(), keptLog()];
    const namespaces = ['/', '/slow', '/closed', '/job/1', '/job/2'];
    const app = await createApp({
      options: { ...optionsFor(dialect), namespaces, logger: log },
      providers: [gatewayFor(witness)],
    });
    await app.init();
    return new DecoderTarget(dialect, { app, witness, log });
  }

  make(dice: Dice): Part[] {
    const grammar = new Grammar(dice, SIDS, 25);
    const isAskedFor = this.dialect !== 'protocol 3' && !dice.once(20);
    const parts: Part[] = isAskedFor ? this.#encoded({ type: PacketType.CONNECT, nsp: '/', data: {} }) : [];
    for (let count = 1 + dice.below(3); count > 0; count--) {
      if (dice.once(2)) parts.push(null);
      const packet = dice.once(40) ? atLimit(dice) : grammar.packet();
      for (const part of this.#encoded(packet))
        parts.push(dice.once(3) ? mutated(part, dice) : grammar.damaged(part));
    }
    return parts;
  }

  /** Nothing for what no library encodes. */
  #encoded(packet: Packet): (string | Buffer)[] {
    try {
      return new this.#coder.Encoder().encode(packet);
    } catch {
      return [];
    }
  }

  async run(parts: readonly Part[]): Promise<string | undefined> {
    this.#begin();
    const wire = new Wire();
    if (this.dialect === 'protocol 3') Object.assign(wire, { protocol: 3 });
    const asked = new Asked(new this.#coder.Decoder(), this.dialect === 'protocol 3');
    open(this.#server, wire);
    for (const part of parts) {
      if (wire.readyState !== 'open') break;
      if (part === null) await turns();
      else asked.add(part);
      if (part !== null) wire.emit('data', part);
    }
    const unanswered = await this.#unanswered(wire, asked);
    wire.lose();
    await turns();
    await turns();
    return this.#witness.wrong ?? pollution() ?? unanswered ?? this.#left() ?? this.#failed();
  }

  #begin(): void {
    this.#witness.begin();
    this.log.lines.length = 0;
    for (const namespace of this.#server._nsps.values()) Object.assign(namespace, { _ids: 0 });
  }

  /** Waits for the answers that the client is owed, unless it is gone. */
  async #unanswered(wire: Wire, asked: Asked): Promise<string | undefined> {
    for (let turn = 0; ; turn++) {
      const owed = wire.readyState === 'open' ? asked.owed(() => this.#answers(wire)) : [];
      if (owed.length === 0 && turn > 0) return undefined;
      if (turn > PATIENCE) return `unanswered: ${owed.join(', ')}`;
      await turns();
    }
  }

  /** The ids of the answers, decoded as the client does. */
  #answers(wire: Wire): number[] {
    const ids: number[] = [];
    const decoder = new this.#coder.Decoder();
    decoder.on('decoded', ({ type, nsp, id = -1 }) => {
      if ((type === PacketType.ACK || type === PacketType.BINARY_ACK) && nsp === '/') ids.push(id);
    });
    for (const packet of wire.received) decoder.add(packet);
    return ids;
  }

  /** What is left of a client that is gone. */
  #left(): string | undefined {
    const { present } = this.#witness;
    for (const key of present) if (!key.startsWith('/closed')) return `left: ${key} was not told to its hook`;
    for (const { name, sockets, adapter } of this.#server._nsps.values())
      if (sockets.size + adapter.rooms.size + adapter.sids.size > 0) return `left: a client of ${name}`;
    return undefined;
  }

  /** What the library says itself when it has made a mistake. */
  #failed(): string | undefined {
    const line = this.log.lines.find((text) => text.includes('A packet failed'));
    return line && `failed: ${line}`;
  }
}

/** An event that is as large as may be, or a little larger. */
function atLimit(dice: Dice): Packet {
  const more = dice.below(3) - 1;
  let nested: unknown = [];
  for (let level = 98 + more; level > 0; level--) nested = level % 2 ? [nested] : { a: nested };
  const values = dice.pick([
    () => [nested],
    () => Array.from({ length: 1_000 + more }, () => 1),
    () => [Array.from({ length: 9_998 + more }, () => 1)],
  ])();
  return { type: PacketType.EVENT, nsp: '/', data: ['echo', ...values], id: dice.below(9) };
}

/** What a client has asked for, read as the server's decoder does. */
class Asked {
  readonly #ids: number[] = [];
  #isIn: boolean;
  /** What follows is none of a packet: the server has closed the connection. */
  #isOver = false;

  constructor(
    private readonly decoder: InstanceType<Coder['Decoder']>,
    isInAtOnce: boolean,
  ) {
    this.#isIn = isInAtOnce;
    decoder.on('decoded', (packet) => this.#decoded(packet));
  }

  add(part: string | Buffer): void {
    try {
      if (!this.#isOver) this.decoder.add(part);
    } catch {
      this.#isOver = true;
    }
  }

  /** The ids that have not been answered. */
  owed(answersOf: () => readonly number[]): number[] {
    if (this.#isOver || this.#ids.length === 0) return [];
    const answers = answersOf();
    return this.#ids.filter((id) => !answers.includes(id));
  }

  #decoded({ type, nsp, data, id }: Packet): void {
    if (nsp !== '/') return;
    if (type === PacketType.CONNECT) this.#isIn = true;
    if (type === PacketType.DISCONNECT) this.#isOver = true;
    // socket.io-parser takes "2\t5" and 30 digits, and no client decodes the answer to what it has asked with them
    if (id !== undefined && !Number.isSafeInteger(id)) this.#isOver = true;
    const isEvent = type === PacketType.EVENT || type === PacketType.BINARY_EVENT;
    const isNamed = isDispatchable((data as unknown[] | undefined)?.[0]); // others are dropped, as is documented
    if (isEvent && isNamed && this.#isIn && id !== undefined) this.#ids.push(id);
  }
}
