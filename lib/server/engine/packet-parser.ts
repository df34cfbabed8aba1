import * as jsonParser from 'socket.io-parser';
import { demand, load } from '../../common/optional-package.js';
import type { Parser, ResolvedOptions } from '../../common/options.js';
import { copyOfBytes } from '../../common/plain.js';

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

function msgpackParser(): Parser {
  demand(['socket.io-msgpack-parser'], "serializer: 'msgpack'");
  return load('socket.io-msgpack-parser') as Parser;
}
