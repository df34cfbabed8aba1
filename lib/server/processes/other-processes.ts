import type { Command } from '../../common/command.js';
import { MEMBERS_TIMEOUT } from '../../common/constants.js';
import { failure, FlaskSocketError } from '../../common/errors.js';
import type { Outgoing } from '../../common/outgoing.js';
import { printable } from '../../common/printable.js';
import { clientIn } from '../../context/adapter-internals.js';
import type { Runtime } from '../../context/connection.js';
import type { Elsewhere, Member, Members, RemoteCall } from '../../context/elsewhere.js';
import { connectionOf, existingNamespace } from '../../context/socket-internals.js';
import { valuesOf } from '../../messaging/ask.js';
import { membersFrom, membersHere } from '../../messaging/members.js';
import { checkPacket, EVENT_PACKET } from '../../queue/cluster-message.js';
import type { Queue } from '../../queue/open-queue.js';
import { NOT_MINE } from '../../queue/peers.js';

/** How much longer than the client another process may take to say that it got no answer, in milliseconds. */
const GRACE = 1_000;

/** How far apart warnings of lists that are partial are at least, in milliseconds. */
const WARNING_PAUSE = 10_000;

/** What a process says of a call: the values, or the code of the error that ended it. */
type CallAnswer = { values: readonly unknown[] } | { code: 'FSK_CALL_DISCONNECTED' | 'FSK_CALL_TIMEOUT' };

/** The clients of other processes, through the message queue; and what those ask of the clients here. */
export class OtherProcesses implements Elsewhere {
  #warned = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly queue: Queue,
    private readonly runtime: Runtime,
  ) {
    queue.peers.respond('call', (question) => this.#callHere(question as RemoteCall));
    queue.peers.respond('members', (question) => {
      const { namespace: nsp, room } = question as { namespace: string; room?: string | null };
      return membersHere(runtime, { nsp, room: room ?? undefined });
    });
  }

  send(command: Command): void {
    this.queue.send(command);
  }

  async call(question: RemoteCall): Promise<readonly unknown[] | undefined> {
    const { outgoing, timeout } = question;
    const answer = await this.#ask(question);
    if (answer === NOT_MINE) return this.queue.ask?.(question);
    const { values, code } = (answer ?? {}) as { values?: readonly unknown[]; code?: string };
    if (Array.isArray(values)) return values;
    const event = printable(outgoing[0]);
    throw code === 'FSK_CALL_TIMEOUT'
      ? failure(code, event, timeout)
      : failure('FSK_CALL_DISCONNECTED', event);
  }

  /** Those that have answered: one that hangs, or has died, does not keep the others' clients from being listed. */
  async members(namespace: string, room: string | undefined): Promise<Members> {
    const question = { namespace, room };
    const { answers, silence } = await this.queue.peers.askAll('members', question, MEMBERS_TIMEOUT);
    if (silence) this.#warn(`members() is partial: ${silence.message}`);
    return membersFrom(answers.flat().filter(isMember), silence !== undefined);
  }

  /** Not for every list: somebody may ask for many while a process hangs. */
  #warn(text: string): void {
    const now = Date.now();
    if (now - this.#warned < WARNING_PAUSE) return;
    this.#warned = now;
    this.runtime.logger.warn(text);
  }

  /** A process that did not answer in time may be the one that had the client. */
  async #ask(question: RemoteCall): Promise<unknown> {
    try {
      return await this.queue.peers.askOne('call', question, question.timeout + GRACE);
    } catch (error) {
      const isSilent = error instanceof FlaskSocketError && error.code === 'FSK_QUEUE_SILENT';
      throw isSilent ? failure('FSK_CALL_TIMEOUT', printable(question.outgoing[0]), question.timeout) : error;
    }
  }

  async #callHere({ namespace, sid, outgoing, timeout }: RemoteCall): Promise<CallAnswer | typeof NOT_MINE> {
    const socket = clientIn(existingNamespace(this.runtime.server, namespace), sid);
    const connection = socket && connectionOf(socket);
    if (!connection) return NOT_MINE;
    checkPacket({ type: EVENT_PACKET, data: outgoing });
    try {
      return { values: await valuesOf(connection, outgoing as Outgoing, { timeout }) };
    } catch (error) {
      const isLate = error instanceof FlaskSocketError && error.code === 'FSK_CALL_TIMEOUT';
      return { code: isLate ? 'FSK_CALL_TIMEOUT' : 'FSK_CALL_DISCONNECTED' };
    }
  }
}

/** Whoever can write to the broker can answer anything, unless option `queueSecret` is set. */
function isMember(value: unknown): value is Member {
  const { sid, rooms } = (value ?? {}) as Partial<Record<keyof Member, unknown>>;
  return typeof sid === 'string' && Array.isArray(rooms);
}
