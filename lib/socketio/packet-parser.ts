import * as jsonParser from 'socket.io-parser';
import { copyOfBytes } from '../common/copies.js';
import { requirePackages, loadPackage } from '../common/optional-package.js';
import type { Parser, ResolvedOptions } from '../common/options.js';
import { checkLengths, PAYLOAD_ARGUMENTS, payloadProblem, type PayloadLimits } from '../common/payload.js';
import { mayHoldProto, protoAsKey } from '../common/prototype-keys.js';
import { hasForeignPlaceholders, withoutPlaceholders } from './placeholders.js';
import type { Packet } from './socket-internals.js';

/**
 * socket.io's own encoder, but binary data is copied, because the application may change it after the emit (E8), and
 * nothing in the data is taken for a placeholder.
 */
class SnapshotEncoder extends jsonParser.Encoder {
  override encode(
    packet: Parameters<jsonParser.Encoder['encode']>[0],
  ): ReturnType<jsonParser.Encoder['encode']> {
    const usual = super.encode(packet);
    const isHarmful = usual.length > 1 && hasForeignPlaceholders(usual);
    const parts = isHarmful ? super.encode({ ...packet, data: withoutPlaceholders(packet.data) }) : usual;
    for (let index = 1; index < parts.length; index++) parts[index] = copyOfBytes(parts[index]);
    return parts;
  }
}

const DEFAULT_PARSER: Parser = { ...jsonParser, Encoder: SnapshotEncoder };

/** The parser that option `serializer` names. */
export function parserOf({ serializer }: ResolvedOptions): Parser {
  if (serializer === 'default') return DEFAULT_PARSER;
  return serializer === 'msgpack' ? msgpackParser() : serializer;
}

/**
 * Packets up to this length cannot exceed the payload limits, and are not checked: each level of nesting, key and item
 * takes two characters of JSON, or one byte of msgpack. With a parser of the application, all packets are checked.
 */
export function uncheckedLength({ serializer, server }: ResolvedOptions, limits: PayloadLimits): number {
  if (server?.parser !== undefined || typeof serializer !== 'string') return 0;
  const least = Math.min(limits.payloadDepth, limits.payloadKeys, PAYLOAD_ARGUMENTS);
  return serializer === 'default' ? 2 * least : least;
}

/** Sets `packet.problem` if the data exceeds a limit. Of the data, only an event's name is kept. */
export function checkPayload(packet: Packet, limits: PayloadLimits): void {
  const { data } = packet;
  const problem = payloadProblem(Array.isArray(data) ? data : [data], limits);
  if (problem === undefined) return;
  packet.problem = problem;
  packet.data = Array.isArray(data) ? data.slice(0, 1) : [];
}

function msgpackParser(): Parser {
  requirePackages(['socket.io-msgpack-parser'], "serializer: 'msgpack'");
  const parser = loadPackage('socket.io-msgpack-parser') as Parser & { Decoder: MsgpackDecoder };
  return { ...parser, Decoder: withLengthCheck(parser.Decoder) };
}

type MsgpackDecoder = new () => { add(packet: unknown): void; emit(event: string, packet: unknown): unknown };

/** A decoder that checks the lengths in a packet before it allocates memory for them, and sets no prototypes. */
function withLengthCheck(Decoder: MsgpackDecoder): MsgpackDecoder {
  return class CheckingDecoder extends Decoder {
    override add(packet: unknown): void {
      if (!Buffer.isBuffer(packet)) throw new TypeError('a packet of msgpack consists of bytes');
      checkLengths(packet);
      this.#mayHoldProto = mayHoldProto(packet);
      super.add(packet);
    }

    override emit(event: string, packet: unknown): unknown {
      if (this.#mayHoldProto) protoAsKey(packet);
      return super.emit(event, packet);
    }

    #mayHoldProto = false;
  };
}
