import type { Namespace, Server } from 'socket.io';
import { Decoder, PacketType } from 'socket.io-parser';
import { RESERVED_EVENTS } from '../../../lib/common/constants.js';
import { linkAdapter } from '../../../lib/queue/broker-link-adapter.js';
import { encode, msgpack } from '../../../lib/queue/codec.js';
import { FlaskSocketioAdapter } from '../../../lib/queue/flask-socketio/flask-socketio-adapter.js';
import { FlaskSocketioBus } from '../../../lib/queue/flask-socketio/flask-socketio-bus.js';
import type { ResolvedOptions } from '../../../lib/common/options.js';
import { Peers } from '../../../lib/queue/peers.js';
import {
  connectTo,
  FakeDriver,
  linkTo,
  portlessServer,
  turns,
  Wire,
  type Connected,
} from '../../support/units.js';
import { parserOf } from '../../../lib/socketio/packet-parser.js';
import type { Target } from './fuzzer.js';
import { Grammar, type Dice } from './grammar.js';
import { mutated, type Part } from './mutation.js';
import { pollution } from './witness.js';

const PARSER = parserOf({ serializer: 'default' } as ResolvedOptions);

const ROOMS = ['lobby', 'other', '__proto__', ''] as const;

/** A protocol of the queue: what its messages look like. */
interface Protocol {
  name: string;
  start(driver: FakeDriver): Server;
  /** A valid message, in its bytes. */
  message(dice: Dice): Buffer;
  /** An event that everybody gets. */
  valid: Buffer;
}

/** Messages as socket.io's cluster adapters write them, of all their types. */
function clusterMessage(dice: Dice): Buffer {
  const grammar = new Grammar(dice, ['SID'], 50);
  const requestId = dice.pick(['1', 'abc', undefined, '']);
  const opts = { rooms: names(dice), except: names(dice), flags: dice.pick([undefined, {}, { local: true }, { timeout: 5 }, { expectSingleResponse: true }]) }; // prettier-ignore
  const event = [dice.once(8) ? dice.pick(ODD) : 'news', ...grammar.values()];
  const packet = {
    type: dice.once(8) ? dice.below(8) : 2,
    nsp: '/',
    data: event,
    id: dice.pick([undefined, 1, 7]),
  };
  const sockets = [grammar.value(), { id: 'x', handshake: {}, rooms: names(dice), data: grammar.value() }];
  const [type, body] = dice.pick<readonly [number, object]>([
    [1, {}], [2, {}], [3, { opts, packet }], [3, { opts, packet, requestId }], [4, { opts, rooms: names(dice) }],
    [5, { opts, rooms: names(dice) }], [6, { opts, close: dice.once(2) }], [7, { opts, requestId }],
    [8, { requestId, sockets }], [9, { packet: event, requestId }], [10, { requestId, packet: event }],
    [11, { requestId, clientCount: grammar.value() }], [12, { requestId, packet: event }], [13, {}],
  ]); // prettier-ignore
  const data = dice.once(20) ? grammar.value() : body;
  const message = { uid: dice.pick(['other', 'emitter', 'abc-1']), nsp: '/', type, data };
  return dice.once(2) ? encode(message) : msgpack.encode(message);
}

const ODD = ['connect', 'disconnect', 'connect_error', '__proto__', '', 5, null, {}] as const;

const names = (dice: Dice) => Array.from({ length: dice.below(3) }, () => dice.pick(ROOMS));

/** Messages between the processes of one application. */
function peerMessage(dice: Dice): Buffer {
  const question = new Grammar(dice, ['SID'], 50).value();
  return encode({
    is: dice.pick(['hello', 'here', 'bye', 'question', 'answer', 'toString']),
    from: dice.pick(['a', 'b', '__proto__', '#']),
    id: dice.pick(['1', 'constructor', undefined]),
    kind: dice.pick(['members', 'members', 'unknown', '__proto__']),
    question,
    mine: dice.once(2),
    given: question,
  });
}

const FLASK_METHODS = ['emit', 'emit', 'callback', 'disconnect', 'enter_room', 'leave_room', 'close_room', 'server_side_emit', 'unknown', 'constructor'] as const; // prettier-ignore

/** Messages as python-socketio writes them. */
function flaskMessage(dice: Dice): Buffer {
  const grammar = new Grammar(dice, ['SID'], 50);
  const binary = dice.once(4);
  const data = binary ? [{ _placeholder: true, num: 0 }, 'AAAA', ...names(dice)] : grammar.values();
  return Buffer.from(
    JSON.stringify({
      method: dice.pick(FLASK_METHODS),
      event: dice.once(4) ? dice.pick(ODD) : 'news',
      data: dice.once(5) ? grammar.value() : data,
      binary,
      namespace: dice.pick(['/', '/', '/', '/none', null]),
      room: dice.pick([null, 'lobby', 5, [], ['lobby', 1]]),
      skip_sid: dice.pick([null, 'SID', ['SID'], {}]),
      callback: dice.pick([null, ['lobby', '/', 1], [], ['a', 'b', { c: 1 }]]),
      sid: dice.pick(['SID', null, 3]),
      id: dice.pick([1, 'a', null]),
      args: grammar.values(),
      host_id: dice.pick(['other', undefined, 5]),
    }),
  );
}

const LAST = 'the last';

export const CLUSTER: Protocol = {
  name: 'queue',
  start(driver) {
    const link = linkOf(driver);
    const peers = new Peers(link);
    peers.respond('members', (question) => question);
    return portlessServer({ adapter: linkAdapter(link), parser: PARSER });
  },
  message: (dice) => (dice.once(4) ? peerMessage(dice) : clusterMessage(dice)),
  valid: encode({
    uid: 'other',
    nsp: '/',
    type: 3,
    data: { packet: { type: 2, nsp: '/', data: [LAST] }, opts: { rooms: [], except: [] } },
  }),
};

export const FLASK_SOCKETIO: Protocol = {
  name: 'queue, Flask-SocketIO',
  start(driver) {
    const bus = new FlaskSocketioBus('shop');
    bus.attach(linkOf(driver));
    class BusAdapter extends FlaskSocketioAdapter {
      constructor(namespace: Namespace) {
        super(namespace, bus);
      }
    }
    return portlessServer({ adapter: BusAdapter as never, parser: PARSER }); // socket.io types the class with no parameters
  },
  message: flaskMessage,
  valid: Buffer.from(
    JSON.stringify({ method: 'emit', event: LAST, data: [], binary: false, namespace: '/', room: null, skip_sid: null, callback: null, host_id: 'other' }), // prettier-ignore
  ),
};

function linkOf(driver: FakeDriver) {
  const { link } = linkTo(driver);
  driver.up();
  return link;
}

/** A process that hears what others publish, with one client. */
export class QueueTarget implements Target {
  readonly name: string;
  readonly #driver = new FakeDriver();
  readonly #server: Server;

  constructor(private readonly protocol: Protocol) {
    this.name = protocol.name;
    this.#server = protocol.start(this.#driver);
    this.#server.of('/');
  }

  make(dice: Dice): Part[] {
    return Array.from({ length: 1 + dice.below(3) }, () => {
      const message = this.protocol.message(dice);
      return dice.once(3) ? message : mutated(message, dice);
    });
  }

  async run(parts: readonly Part[]): Promise<string | undefined> {
    Object.assign(this.#server.of('/'), { _ids: 0 }); // of acknowledgements: the same in each run
    const first = await this.#client();
    for (const part of parts) {
      this.#hear(part === null ? Buffer.alloc(0) : Buffer.from(part as Buffer));
      await turns();
    }
    const wrong = pollution() ?? problemOf(first.wire);
    const second = await this.#client();
    this.#hear(this.protocol.valid);
    await turns();
    const isHeard = second.wire.received.some((packet) => packet.includes(LAST));
    for (const { wire } of [first, second]) wire.lose();
    this.#driver.published.length = 0;
    return wrong ?? (isHeard ? this.#left() : 'deaf: a valid message does not arrive any more');
  }

  close(): void {
    void this.#server.of('/').adapter.close();
  }

  async #client(): Promise<Connected> {
    const connected = await connectTo(this.#server);
    await connected.socket.join('lobby');
    return connected;
  }

  #hear(payload: Buffer): void {
    for (const topic of this.#driver.listeners.keys()) this.#driver.hear(topic, Buffer.from(payload));
  }

  #left(): string | undefined {
    const { sockets, adapter } = this.#server.of('/');
    return sockets.size + adapter.rooms.size === 0 ? undefined : 'left: a client that is gone';
  }
}

/** At what, of all that a client was sent, it would close its connection. */
function problemOf({ received }: Wire): string | undefined {
  let wrong: string | undefined;
  const decoder = new Decoder();
  decoder.on('decoded', ({ type, data }) => {
    const name = (data as string[] | undefined)?.[0];
    if (type === PacketType.EVENT && RESERVED_EVENTS.has(name ?? '')) wrong = `reserved: ${name}`;
  });
  try {
    for (const packet of received) decoder.add(packet);
  } catch (error) {
    return `closes: the client, at ${JSON.stringify(received).slice(0, 200)}: ${String(error)}`;
  }
  return wrong;
}
