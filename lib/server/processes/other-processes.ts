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

/** How much longer than the client another process may take to say that it got no answer, in milliseconds. */
const GRACE = 1_000;

/** How far apart warnings of lists that are partial are at least, in milliseconds. */
const WARNING_PAUSE = 10_000;

/** A call as another process asks for it. */
type Asked = RemoteCall & Pick<Portable, 'parts'>;

/** What a process says of a call: the values, or the code of the error that ended it. */
type CallAnswer = { values: readonly unknown[] } | { code: CallEnd };
type CallEnd = 'FSK_CALL_DISCONNECTED' | 'FSK_CALL_TIMEOUT' | 'FSK_CALL_ANSWER_TOO_LARGE';

/** Reaches the clients of other processes through the message queue, and answers their requests about clients here. */
export class OtherProcesses implements RemoteClients {
  #warned = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly queue: Queue,
    private readonly runtime: Runtime,
  ) {
    queue.peers.respond('call', (question) => this.#callHere(question as Asked));
    queue.peers.respond('members', (question) => {
      const { namespace: nsp, room } = question as { namespace: string; room?: string | null };
      return localMembers(runtime, { nsp, room: room ?? undefined });
    });
  }

  send(command: Command): void {
    if (command.kind !== 'emit') return this.queue.send(command);
    const { data: values, ...encoded } = this.queue.portable(this.runtime.server, command.values);
    this.queue.send({ ...command, values, ...encoded });
  }

  async call(asked: RemoteCall): Promise<readonly unknown[] | undefined> {
    const { data: outgoing, ...encoded } = this.queue.portable(this.runtime.server, asked.outgoing);
    const question = { ...asked, outgoing, ...encoded };
    const { timeout } = asked;
    const answer = await this.#ask(question);
    if (answer === NOT_MINE) {
      const values = await this.queue.call?.(question);
      return values && taken(values, printable(outgoing[0]));
    }
    const { values, code } = (answer ?? {}) as { values?: unknown; code?: unknown };
    const event = printable(outgoing[0]);
    if (code === 'FSK_CALL_TIMEOUT') throw failure(code, event, timeout);
    if (code !== 'FSK_CALL_ANSWER_TOO_LARGE' && !Array.isArray(values))
      throw failure('FSK_CALL_DISCONNECTED', event);
    return taken(values, event);
  }

  /** Those that have answered: one that hangs, or has died, does not keep the others' clients from being listed. */
  async members(namespace: string, room: string | undefined): Promise<Members> {
    const question = { namespace, room };
    const { responses, error } = await this.queue.peers.requestAll('members', question, MEMBERS_TIMEOUT);
    if (error) this.#warn(`members() is partial: ${error.message}`);
    return membersFrom(responses.flat().filter(isMember), error !== undefined);
  }

  /** Warns at most once in `WARNING_PAUSE`: an application may list often while a process hangs. */
  #warn(text: string): void {
    const now = Date.now();
    if (now - this.#warned < WARNING_PAUSE) return;
    this.#warned = now;
    this.runtime.logger.warn(text);
  }

  /** A process that did not answer in time may be the one that had the client. */
  async #ask(question: RemoteCall): Promise<unknown> {
    try {
      return await this.queue.peers.requestOne('call', question, question.timeout + GRACE);
    } catch (error) {
      const isSilent = error instanceof FlaskSocketError && error.code === 'FSK_QUEUE_SILENT';
      throw isSilent ? failure('FSK_CALL_TIMEOUT', printable(question.outgoing[0]), question.timeout) : error;
    }
  }

  async #callHere({
    namespace,
    sid,
    timeout,
    outgoing: data,
    parts,
  }: Asked): Promise<CallAnswer | typeof NOT_MINE> {
    const socket = findSocket(existingNamespace(this.runtime.server, namespace), sid);
    const connection = socket && connectionOf(socket);
    if (!connection) return NOT_MINE;
    checkPacket({ type: PacketType.EVENT, data });
    const outgoing = unpack(this.runtime.server, { data, ...(parts && { parts }) });
    try {
      return { values: await callLocalClient(connection, outgoing as Outgoing, { timeout }) };
    } catch (error) {
      return { code: endOf(error) };
    }
  }
}

/** Whoever can write to the broker can answer anything, unless option `queueSecret` is set. */
function isMember(value: unknown): value is Member {
  const { sid, rooms } = (value ?? {}) as Partial<Record<keyof Member, unknown>>;
  return typeof sid === 'string' && Array.isArray(rooms);
}

/** What another process says that its client answered is measured like the answer of a client here. */
function taken(values: unknown, event: string): readonly unknown[] {
  if (Array.isArray(values) && payloadProblem(values) === undefined) return values;
  throw failure('FSK_CALL_ANSWER_TOO_LARGE', event);
}

function endOf(error: unknown): CallEnd {
  const code = error instanceof FlaskSocketError ? error.code : undefined;
  return code === 'FSK_CALL_TIMEOUT' || code === 'FSK_CALL_ANSWER_TOO_LARGE' ? code : 'FSK_CALL_DISCONNECTED';
}
