import * as jsonParser from 'socket.io-parser';
import { copyOfBytes } from '../common/copies.js';
import { requirePackages, loadPackage } from '../common/optional-package.js';
import type { Parser, ResolvedOptions } from '../common/options.js';
import { checkLengths, PAYLOAD_DEPTH } from '../common/payload.js';

/** socket.io's own encoder, but binary data is copied, because the application may change it after the emit (E8). */
class SnapshotEncoder extends jsonParser.Encoder {
  override encode(
    packet: Parameters<jsonParser.Encoder['encode']>[0],
  ): ReturnType<jsonParser.Encoder['encode']> {
    const parts = super.encode(packet);
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
 * Packets up to this length cannot exceed the payload limits, and are not checked: each level of nesting takes two
 * characters of JSON, or one byte of msgpack. With a parser of the application, all packets are checked.
 */
export function uncheckedLength({ serializer, server }: ResolvedOptions): number {
  if (server?.parser !== undefined || typeof serializer !== 'string') return 0;
  return serializer === 'default' ? 2 * PAYLOAD_DEPTH : PAYLOAD_DEPTH;
}

function msgpackParser(): Parser {
  requirePackages(['socket.io-msgpack-parser'], "serializer: 'msgpack'");
  const parser = loadPackage('socket.io-msgpack-parser') as Parser & { Decoder: MsgpackDecoder };
  return { ...parser, Decoder: withLengthCheck(parser.Decoder) };
}

type MsgpackDecoder = new () => { add(packet: unknown): void };

/** A decoder that checks the lengths in a packet before it allocates memory for them. */
function withLengthCheck(Decoder: MsgpackDecoder): MsgpackDecoder {
  return class CheckingDecoder extends Decoder {
    override add(packet: unknown): void {
      if (!Buffer.isBuffer(packet)) throw new TypeError('a packet of msgpack consists of bytes');
      checkLengths(packet);
      super.add(packet);
    }
  };
}
