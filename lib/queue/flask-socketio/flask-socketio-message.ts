import { isEventName } from '../../common/args.js';
import { dropProto, mayHoldProto } from '../../common/prototype-keys.js';
import type { Command } from '../../common/remote-clients.js';
import { hasBytes } from '../codec.js';

/*
 * The messages that the processes of python-socketio send each other: JSON since its version 5.14, in this form since
 * 5.15.1. The format is not documented; it was observed on its queue. docs/message-queues.md lists the tried versions.
 */

/** The first byte of what Python's pickle wrote. */
const PICKLE = 0x80;

/** Where an acknowledgement goes: the called sid or room, its namespace, and the number of the call. */
export type Callback = readonly [asked: unknown, namespace: unknown, id: unknown];

/** A checked message. `from` is the sender; of a `callback`, the process that it is for. */
export type Incoming = { from: string | undefined; namespace: string } & (
  | Emitted
  | { method: 'server_side_emit'; event: string; values: unknown[] }
  | { method: 'callback'; sid: unknown; id: unknown; values: unknown[] }
  | { method: 'disconnect'; sid: string }
  | { method: 'enter_room' | 'leave_room'; sid: string; room: string }
  | { method: 'close_room'; room: string }
);

/** An event for clients. No `rooms`: for everybody. */
export interface Emitted {
  method: 'emit';
  event: string;
  values: unknown[];
  rooms: string[] | undefined;
  except: string[];
  callback: Callback | undefined;
}

type Fields = Record<string, unknown>;

const READERS: Readonly<Record<string, (message: Fields) => object>> = {
  emit: ({ event, data, binary, room, skip_sid, callback }) => ({
    event: eventOf(event),
    values: valuesOf(data, binary === true),
    rooms: room === null || room === undefined ? undefined : namesOf(room),
    except: skip_sid === null || skip_sid === undefined ? [] : namesOf(skip_sid),
    callback: callback === null || callback === undefined ? undefined : callbackOf(callback),
  }),
  server_side_emit: ({ event, data, binary }) => ({
    event: serverEventOf(event),
    values: valuesOf(data, binary === true),
  }),
  callback: ({ sid, id, args }) => ({ sid, id, values: listOf(args, 'args') }),
  disconnect: ({ sid }) => ({ sid: textOf(sid, 'sid') }),
  enter_room: ({ sid, room }) => ({ sid: textOf(sid, 'sid'), room: nameOf(room) }),
  leave_room: ({ sid, room }) => ({ sid: textOf(sid, 'sid'), room: nameOf(room) }),
  close_room: ({ room }) => ({ room: nameOf(room) }),
};

/** Reads a message; `undefined` for an unknown method. Throws if it is malformed. */
export function readMessage(payload: Buffer): Incoming | undefined {
  if (payload[0] === PICKLE)
    throw new TypeError(
      'it is pickle, which is never read: that process needs python-socketio 5.15.1 or later',
    );
  const message: unknown = JSON.parse(payload.toString());
  if (mayHoldProto(payload)) dropProto(message);
  if (typeof message !== 'object' || message === null) throw new TypeError('the message is malformed');
  const { method, host_id: from, namespace } = message as Fields;
  if (typeof method !== 'string') throw new TypeError('the method is malformed');
  if (!Object.hasOwn(READERS, method)) return undefined;
  if (from !== undefined && typeof from !== 'string') throw new TypeError('host_id is malformed');
  const fields = READERS[method]?.(message as Fields);
  return { method, from, namespace: textOf(namespace, 'namespace'), ...fields } as Incoming;
}

/** An event in python-socketio's format. */
export function emitMessage(
  { to, values: [event, ...values] }: Pick<Extract<Command, { kind: 'emit' }>, 'to' | 'values'>,
  callback: Callback | null = null,
): object {
  const { nsp: namespace, rooms, except } = to;
  const [room, skip_sid] = [oneOrMany(rooms), oneOrMany(except)];
  return { method: 'emit', event, ...dataOf(values), namespace, room, skip_sid, callback };
}

/**
 * A command in python-socketio's format: except for events, one message for each client and room; none if the protocol
 * has no such message. `sid` may be the name of a room, for its clients: processes of this library understand that,
 * Python's ignore it.
 */
export function messagesOf(command: Command): object[] {
  if (command.kind === 'emit') return [emitMessage(command)];
  const { nsp: namespace, rooms: sids, except } = command.to;
  if (except.length > 0) return [];
  if (command.kind === 'disconnect') return sids.map((sid) => ({ method: 'disconnect', sid, namespace }));
  const { kind, rooms } = command;
  const [room] = rooms;
  const isClosing = kind === 'leave' && sids.length === 1 && rooms.length === 1 && sids[0] === room;
  if (isClosing) return [{ method: 'close_room', room, namespace }];
  const method = kind === 'join' ? 'enter_room' : 'leave_room';
  return sids.flatMap((sid) => rooms.map((each) => ({ method, sid, room: each, namespace })));
}

/** A message between processes of this library; Python's ignore it. */
export function serverSideMessage(namespace: string, [event, ...values]: readonly unknown[]): object {
  return { method: 'server_side_emit', event, ...dataOf(values), namespace };
}

function oneOrMany(names: readonly string[]): string | readonly string[] | null {
  return names.length > 1 ? names : (names[0] ?? null);
}

function eventOf(value: unknown): string {
  if (!isEventName(value)) throw new TypeError('event is malformed');
  return value;
}

/** Events that socket.io's namespaces emit themselves are refused. */
function serverEventOf(value: unknown): string {
  const event = eventOf(value);
  if (event === 'connection' || event === 'new_namespace' || event === 'error')
    throw new TypeError('event is malformed');
  return event;
}

function textOf(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new TypeError(`${what} is malformed`);
  return value;
}

/** A room may be a number in Python. */
function nameOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : textOf(value, 'room or skip_sid');
}

function namesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(nameOf) : [nameOf(value)];
}

function listOf(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} is malformed`);
  return value;
}

function callbackOf(value: unknown): Callback {
  const [asked, namespace, id, ...more] = listOf(value, 'callback');
  if (id === undefined || more.length > 0) throw new TypeError('callback is malformed');
  return [asked, namespace, id];
}

/** Stands in place of bytes, as in Socket.IO's own protocol. */
interface Placeholder {
  _placeholder: true;
  num: number;
}

/** An event's arguments in a message of python-socketio. */
export interface Data {
  data: readonly unknown[];
  binary: boolean;
}

/** Arguments in python-socketio's format: `[null]` for none; bytes follow separately, in base64. */
export function dataOf(values: readonly unknown[]): Data {
  if (!hasBytes(values)) return { data: values.length === 0 ? [null] : values, binary: false };
  const attachments: string[] = [];
  const structure = extractBytes(values, attachments);
  return { data: [structure, ...attachments], binary: true };
}

/** The reverse. Throws if bytes are missing, malformed, or used more than once. */
export function valuesOf(data: unknown, binary: boolean): unknown[] {
  const values: unknown = binary ? joinBytes(data) : data;
  if (!Array.isArray(values)) return values === null ? [] : [values];
  return values.length === 1 && values[0] === null ? [] : values;
}

function extractBytes(value: unknown, attachments: string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const bytes = bytesOf(value);
  if (bytes) return { _placeholder: true, num: attachments.push(bytes.toString('base64')) - 1 };
  if (Array.isArray(value)) return value.map((item) => extractBytes(item, attachments));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return extractBytes(toJSON.call(value), attachments);
  return mapValues(value, (item) => extractBytes(item, attachments));
}

function bytesOf(value: object): Buffer | undefined {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (!ArrayBuffer.isView(value)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function joinBytes(data: unknown): unknown {
  if (!Array.isArray(data)) throw new TypeError('data with bytes is no list');
  const [structure, ...encoded] = data as unknown[];
  return insertBytes(structure, encoded.map(decodeBase64));
}

/** Uses each attachment once: repeated ones would make a short message long for every client. */
function insertBytes(value: unknown, attachments: (Buffer | undefined)[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => insertBytes(item, attachments));
  const { _placeholder, num } = value as Partial<Placeholder>;
  if (_placeholder !== true) return mapValues(value, (item) => insertBytes(item, attachments));
  const bytes = Number.isInteger(num) ? attachments[num as number] : undefined;
  if (!bytes) throw new TypeError('a placeholder has no bytes of its own');
  attachments[num as number] = undefined;
  return bytes;
}

/** Node's decoder skips invalid characters, so the length of the result shows whether there were any. */
function decodeBase64(text: unknown): Buffer {
  if (typeof text !== 'string' || text.length % 4 !== 0) throw new TypeError('bytes are not base64');
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== (text.length / 4) * 3 - padding) throw new TypeError('bytes are not base64');
  return bytes;
}

/** A key `__proto__` of the application stays a key. */
function mapValues(value: object, change: (item: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}
