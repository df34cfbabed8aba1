import type { Command } from '../../common/command.js';
import { MEMBERS_TIMEOUT } from '../../common/constants.js';
import { failure, FlaskSocketError } from '../../common/errors.js';
import type { Outgoing } from '../../common/outgoing.js';
import { printable } from '../../common/printable.js';
import { clientIn } from '../../context/adapter-internals.js';
import type { Runtime } from '../../context/connection.js';
import type { Elsewhere, Member, RemoteCall } from '../../context/elsewhere.js';
import { connectionOf, existingNamespace } from '../../context/socket-internals.js';
import { valuesOf } from '../../messaging/ask.js';
import { membersHere } from '../../messaging/clients.js';
import { checkPacket, EVENT_PACKET } from '../../queue/cluster-message.js';
import type { Queue } from '../../queue/open-queue.js';
import { NOT_MINE } from '../../queue/peers.js';

/** How much longer than the client another process may take to say that it got no answer, in milliseconds. */
const GRACE = 1_000;

/** What a process says of a call: the values, or the code of the error that ended it. */
type CallAnswer = { values: readonly unknown[] } | { code: 'FSK_CALL_DISCONNECTED' | 'FSK_CALL_TIMEOUT' };

/** The clients of other processes, through the message queue; and what those ask of the clients here. */
export class OtherProcesses implements Elsewhere {
  constructor(
    private readonly queue: Queue,
    private readonly runtime: Runtime,
  ) {
    queue.peers.respond('call', (question) => this.#callHere(question as RemoteCall));
    queue.peers.respond('members', (question) => {
      const { namespace, room } = question as { namespace: string; room: string };
      return membersHere(runtime, namespace, room);
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

  async members(namespace: string, room: string): Promise<Member[]> {
    const answers = await this.queue.peers.askAll('members', { namespace, room }, MEMBERS_TIMEOUT);
    return answers.flat() as Member[];
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
