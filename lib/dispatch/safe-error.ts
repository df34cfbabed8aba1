import { HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { INTERNAL_ERROR } from '../common/constants.js';
import { isA } from '../handlers/filters.js';

/** What a client hears of an error that is not meant for it. */
const NOTHING = { status: 'error', message: INTERNAL_ERROR };

/** What Nest itself writes into the response of an HttpException that was given a text. */
const WRITTEN_BY_NEST: ReadonlySet<string> = new Set(['statusCode', 'message', 'error']);

/** The first HTTP status that is no mistake of the client. */
const SERVER_ERROR = 500;

/** Whether an error says what its client did wrong, and nothing of the server. */
export function isMistakeOfClient(error: unknown): boolean {
  if (isA(error, WsException)) return true;
  return isA(error, HttpException) && statusOf(error) < SERVER_ERROR;
}

function statusOf(error: HttpException): number {
  try {
    return error.getStatus();
  } catch {
    return SERVER_ERROR;
  }
}

/** An error as its client may see it: the words of Nest's exceptions are meant for it, all others are not. */
export function safeError(error: unknown): unknown {
  try {
    if (isA(error, WsException)) return asWritten(error.getError());
    if (isA(error, HttpException)) return asWritten(ownWords(error.getResponse()));
  } catch {
    // words that cannot be read are none
  }
  return { ...NOTHING };
}

/** The text or texts that an HttpException was given, without what Nest writes around them. */
function ownWords(response: string | object): unknown {
  const isNests = isPlain(response) && Object.keys(response).every((key) => WRITTEN_BY_NEST.has(key));
  return isNests && 'message' in response ? { message: response['message'] } : response;
}

/** What an application has written for its client: an object as it is, a text as the message. */
function asWritten(words: unknown): unknown {
  if (words instanceof Error) return asWritten(words.message);
  if (!isSerializable(words)) {
    const { message } = (words ?? {}) as { message?: unknown };
    return isSerializable(message) ? { status: 'error', message } : { ...NOTHING };
  }
  if (isPlain(words)) return { status: 'error', ...words };
  return typeof words === 'object' && words !== null ? words : { status: 'error', message: words };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isSerializable(words: unknown): boolean {
  try {
    return JSON.stringify(words) !== undefined;
  } catch {
    return false;
  }
}
