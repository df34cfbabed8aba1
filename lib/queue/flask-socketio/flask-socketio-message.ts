import { isEventName } from '../../common/args.js';
import type { Command } from '../../common/remote-clients.js';
import { hasBytes } from '../codec.js';

/*
 * The messages that the processes of python-socketio send each other: JSON since its version 5.14, in this form since
 * 5.15.1. Read off its queue, not from its documentation, which has none; docs/message-queues.md says what was tried.
 */

/** The first byte of what Python's pickle wrote. */
const PICKLE = 0x80;

/** Where an acknowledgement goes: the name that was asked, its namespace, and a number of the process that asked. */
export type Callback = readonly [asked: unknown, namespace: unknown, id: unknown];

/** A message, checked. `from` is the process that sent it; of a `callback` the one that it is for. */
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

/** What arrived; nothing for a method that is not known. Throws for what is malformed. */
export function readMessage(payload: Buffer): Incoming | undefined {
  if (payload[0] === PICKLE)
    throw new TypeError(
      'it is pickle, which is never read: that process needs python-socketio 5.15.1 or later',
    );
  const message: unknown = JSON.parse(payload.toString());
  if (typeof message !== 'object' || message === null) throw new TypeError('the message is malformed');
  const { method, host_id: from, namespace } = message as Fields;
  if (typeof method !== 'string') throw new TypeError('the method is malformed');
  if (!Object.hasOwn(READERS, method)) return undefined;
  if (from !== undefined && typeof from !== 'string') throw new TypeError('host_id is malformed');
  const fields = READERS[method]?.(message as Fields);
  return { method, from, namespace: textOf(namespace, 'namespace'), ...fields } as Incoming;
}

/** An event, as python-socketio writes it. */
export function emitMessage(
  { to, values: [event, ...values] }: Pick<Extract<Command, { kind: 'emit' }>, 'to' | 'values'>,
  callback: Callback | null = null,
): object {
  const { nsp: namespace, rooms, except } = to;
  const [room, skip_sid] = [oneOrMany(rooms), oneOrMany(except)];
  return { method: 'emit', event, ...dataOf(values), namespace, room, skip_sid, callback };
}

/**
 * A command as python-socketio writes it, which for all but events is one message for each client and room. Nothing if
 * that protocol cannot say it. A room may stand for its clients (`sid`): Python's processes know none of that name,
 * ours do.
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

/** What the processes of ours say to each other; those of Python pass over it. */
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

/** Those of socket.io's namespaces themselves are no messages. */
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

/** What stands where bytes were taken out, in Socket.IO's own form. */
interface Placeholder {
  _placeholder: true;
  num: number;
}

/** An event's arguments in a message of python-socketio. */
export interface Data {
  data: readonly unknown[];
  binary: boolean;
}

/** Arguments as python-socketio writes them: `[null]` for none; bytes apart, in base64. */
export function dataOf(values: readonly unknown[]): Data {
  if (!hasBytes(values)) return { data: values.length === 0 ? [null] : values, binary: false };
  const attachments: string[] = [];
  const structure = takeBytes(values, attachments);
  return { data: [structure, ...attachments], binary: true };
}

/** The arguments again. Throws if bytes are missing, malformed, or wanted more than once. */
export function valuesOf(data: unknown, binary: boolean): unknown[] {
  const values: unknown = binary ? withBytes(data) : data;
  if (!Array.isArray(values)) return values === null ? [] : [values];
  return values.length === 1 && values[0] === null ? [] : values;
}

function takeBytes(value: unknown, attachments: string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const bytes = bytesOf(value);
  if (bytes) return { _placeholder: true, num: attachments.push(bytes.toString('base64')) - 1 };
  if (Array.isArray(value)) return value.map((item) => takeBytes(item, attachments));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return takeBytes(toJSON.call(value), attachments);
  return mapValues(value, (item) => takeBytes(item, attachments));
}

function bytesOf(value: object): Buffer | undefined {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (!ArrayBuffer.isView(value)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function withBytes(data: unknown): unknown {
  if (!Array.isArray(data)) throw new TypeError('data with bytes is no list');
  const [structure, ...encoded] = data as unknown[];
  return putBytes(structure, encoded.map(decoded));
}

/** Each once: a short message that repeats one attachment would be long for every client. */
function putBytes(value: unknown, attachments: (Buffer | undefined)[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => putBytes(item, attachments));
  const { _placeholder, num } = value as Partial<Placeholder>;
  if (_placeholder !== true) return mapValues(value, (item) => putBytes(item, attachments));
  const bytes = Number.isInteger(num) ? attachments[num as number] : undefined;
  if (!bytes) throw new TypeError('a placeholder has no bytes of its own');
  attachments[num as number] = undefined;
  return bytes;
}

/** Node's decoder skips what it does not know, so what it made tells whether all was base64. */
function decoded(text: unknown): Buffer {
  if (typeof text !== 'string' || text.length % 4 !== 0) throw new TypeError('bytes are not base64');
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== (text.length / 4) * 3 - padding) throw new TypeError('bytes are not base64');
  return bytes;
}

/** A key `__proto__` stays a key. */
function mapValues(value: object, change: (item: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}
