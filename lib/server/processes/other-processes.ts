import type { Outgoing } from '../../common/args.js';
import { MEMBERS_TIMEOUT, PacketType } from '../../common/constants.js';
import { failure, FlaskSocketError } from '../../common/errors.js';
import { payloadProblem } from '../../common/payload.js';
import { printable } from '../../common/printable.js';
import type { Command, RemoteClients, Member, Members, RemoteCall } from '../../common/remote-clients.js';
import type { Runtime } from '../../context/connection.js';
import { callLocalClient } from '../../messaging/call.js';
import { membersFrom, localMembers } from '../../messaging/members.js';
import { checkPacket } from '../../queue/cluster-message.js';
import type { Queue } from '../../queue/open-queue.js';
import { NOT_MINE } from '../../queue/peers.js';
import { unpack, type Portable } from '../../queue/portable.js';
import { findSocket } from '../../socketio/adapter-internals.js';
import { connectionOf, existingNamespace } from '../../socketio/socket-internals.js';

/** How much longer than the timeout of a `call()` to wait for the other process, in milliseconds. */
const EXTRA_TIME = 1_000;

/** The least time between two warnings of partial lists, in milliseconds. */
const WARNING_PAUSE = 10_000;

/** A `call()` that another process has requested. */
type ReceivedCall = RemoteCall & Pick<Portable, 'parts'>;

/** The response to a `call()`: the values of the client, or the code of the error. */
type CallAnswer = { values: readonly unknown[] } | { code: CallErrorCode };
type CallErrorCode = 'FSK_CALL_DISCONNECTED' | 'FSK_CALL_TIMEOUT' | 'FSK_CALL_ANSWER_TOO_LARGE';

/** Sends requests and commands for clients of other processes, and responds to theirs for clients of this one. */
export class OtherProcesses implements RemoteClients {
  #lastWarning = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly queue: Queue,
    private readonly runtime: Runtime,
  ) {
    queue.peers.respond('call', (request) => this.#callLocal(request as ReceivedCall));
    queue.peers.respond('members', (request) => {
      const { namespace: nsp, room } = request as { namespace: string; room?: string | null };
      return localMembers(runtime, { nsp, room: room ?? undefined });
    });
  }

  send(command: Command): void {
    if (command.kind !== 'emit') return this.queue.send(command);
    const { data: values, ...encoded } = this.queue.portable(this.runtime.server, command.values);
    this.queue.send({ ...command, values, ...encoded });
  }

  async call(call: RemoteCall): Promise<readonly unknown[] | undefined> {
    const { data: outgoing, ...encoded } = this.queue.portable(this.runtime.server, call.outgoing);
    const request = { ...call, outgoing, ...encoded };
    const { timeout } = call;
    const answer = await this.#requestCall(request);
    if (answer === NOT_MINE) {
      const values = await this.queue.call?.(request);
      return values && this.#checkAnswer(values, printable(outgoing[0]));
    }
    const { values, code } = (answer ?? {}) as { values?: unknown; code?: unknown };
    const event = printable(outgoing[0]);
    if (code === 'FSK_CALL_TIMEOUT') throw failure(code, event, timeout);
    if (code !== 'FSK_CALL_ANSWER_TOO_LARGE' && !Array.isArray(values))
      throw failure('FSK_CALL_DISCONNECTED', event);
    return this.#checkAnswer(values, event);
  }

  /** The members on all processes that answer. A process that hangs or has died makes the list partial. */
  async members(namespace: string, room: string | undefined): Promise<Members> {
    const request = { namespace, room };
    const { responses, error } = await this.queue.peers.requestAll('members', request, MEMBERS_TIMEOUT);
    if (error) this.#warn(`members() is partial: ${error.message}`);
    return membersFrom(responses.flat().filter(isMember), error !== undefined);
  }

  /** Checks the values that another process responds with, like the answer of a client of this process. */
  #checkAnswer(values: unknown, event: string): readonly unknown[] {
    const { limits } = this.runtime.limits;
    if (Array.isArray(values) && payloadProblem(values, limits) === undefined) return values;
    throw failure('FSK_CALL_ANSWER_TOO_LARGE', event);
  }

  /** Warns at most once in `WARNING_PAUSE`, since an application may call `members()` often while a process hangs. */
  #warn(text: string): void {
    const now = Date.now();
    if (now - this.#lastWarning < WARNING_PAUSE) return;
    this.#lastWarning = now;
    this.runtime.logger.warn(text);
  }

  /** A process that does not answer in time counts as a client that does not, since it may be the one with the client. */
  async #requestCall(request: RemoteCall): Promise<unknown> {
    try {
      return await this.queue.peers.requestOne('call', request, request.timeout + EXTRA_TIME);
    } catch (error) {
      const isSilent = error instanceof FlaskSocketError && error.code === 'FSK_QUEUE_SILENT';
      throw isSilent ? failure('FSK_CALL_TIMEOUT', printable(request.outgoing[0]), request.timeout) : error;
    }
  }

  async #callLocal({
    namespace,
    sid,
    timeout,
    outgoing: data,
    parts,
  }: ReceivedCall): Promise<CallAnswer | typeof NOT_MINE> {
    const socket = findSocket(existingNamespace(this.runtime.server, namespace), sid);
    const connection = socket && connectionOf(socket);
    if (!connection) return NOT_MINE;
    checkPacket({ type: PacketType.EVENT, data });
    const outgoing = unpack(this.runtime.server, { data, ...(parts && { parts }) });
    try {
      return { values: await callLocalClient(connection, outgoing as Outgoing, { timeout }) };
    } catch (error) {
      return { code: errorCodeOf(error) };
    }
  }
}

/** Checks a member of a response: without option `queueSecret`, anybody with access to the broker can respond. */
function isMember(value: unknown): value is Member {
  const { sid, rooms } = (value ?? {}) as Partial<Record<keyof Member, unknown>>;
  return typeof sid === 'string' && Array.isArray(rooms);
}

function errorCodeOf(error: unknown): CallErrorCode {
  const code = error instanceof FlaskSocketError ? error.code : undefined;
  return code === 'FSK_CALL_TIMEOUT' || code === 'FSK_CALL_ANSWER_TOO_LARGE' ? code : 'FSK_CALL_DISCONNECTED';
}
