import * as jsonParser from 'socket.io-parser';
import { copyOfBytes } from '../common/copies.js';
import { requirePackages, loadPackage } from '../common/optional-package.js';
import type { Parser, ResolvedOptions } from '../common/options.js';
import { checkLengths, PAYLOAD_DEPTH } from '../common/payload.js';

/** socket.io's own parser, whose packets keep no reference to bytes that the application may still change (E8). */
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
 * A shorter packet holds no more than is allowed, so that nobody has to look: a level takes two characters of JSON or
 * one byte of msgpack. Nothing is known of what a parser of the application makes of a byte.
 */
export function harmlessLength({ serializer, server }: ResolvedOptions): number {
  if (server?.parser !== undefined || typeof serializer !== 'string') return 0;
  return serializer === 'default' ? 2 * PAYLOAD_DEPTH : PAYLOAD_DEPTH;
}

function msgpackParser(): Parser {
  requirePackages(['socket.io-msgpack-parser'], "serializer: 'msgpack'");
  const parser = loadPackage('socket.io-msgpack-parser') as Parser & { Decoder: MsgpackDecoder };
  return { ...parser, Decoder: checking(parser.Decoder) };
}

type MsgpackDecoder = new () => { add(packet: unknown): void };

/** A decoder that believes no length before it has looked. */
function checking(Decoder: MsgpackDecoder): MsgpackDecoder {
  return class CheckingDecoder extends Decoder {
    override add(packet: unknown): void {
      if (!Buffer.isBuffer(packet)) throw new TypeError('a packet of msgpack consists of bytes');
      checkLengths(packet);
      super.add(packet);
    }
  };
}
