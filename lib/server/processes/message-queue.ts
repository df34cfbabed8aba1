import cluster from 'node:cluster';
import type { Server } from 'socket.io';
import { failure } from '../../common/errors.js';
import type { FlaskSocketLogger } from '../../common/logger.js';
import type { AdapterFactory, ResolvedOptions } from '../../common/options.js';
import { printableValue } from '../../common/printable.js';
import type { Runtime } from '../../context/connection.js';
import { Election } from '../../queue/election.js';
import type { ElectionTransport } from '../../queue/election-transport.js';
import { openQueue, type Queue } from '../../queue/open-queue.js';
import { isWorker } from '../../workers/worker.js';
import { OtherProcesses } from './other-processes.js';

/** The message queue of an application, if option `messageQueue` names one. */
export class MessageQueue {
  queue: Queue | undefined;
  otherProcesses: OtherProcesses | undefined;
  readonly #leadership: Leadership;

  constructor(
    private readonly options: () => ResolvedOptions,
    private readonly logger: FlaskSocketLogger,
  ) {
    this.#leadership = new Leadership(logger);
  }

  /** Opens it, without waiting for the broker. Rejects what the configuration got wrong. */
  async open(runtime: Runtime): Promise<void> {
    const { messageQueue, channel, queueSecret: secret } = this.options();
    if (messageQueue === undefined) return this.#leadership.among('none');
    if (typeof messageQueue === 'function') return;
    const address = typeof messageQueue === 'string' ? { url: messageQueue } : messageQueue;
    this.queue = await openQueue({ ...address, channel, secret, logger: this.logger });
    this.otherProcesses = new OtherProcesses(this.queue, runtime);
    this.#leadership.among(this.queue.election);
  }

  /** Who of all processes leads under a name; `what` wants to know. Throws `FSK_NO_LEADER` if that cannot be known. */
  election(name: string, what: string): Election {
    if (typeof this.options().messageQueue === 'function') throw failure('FSK_NO_LEADER', what);
    return this.#leadership.of(name);
  }

  /** What Socket.IO's server is to have as its adapter. */
  get adapter(): AdapterFactory | undefined {
    const { messageQueue } = this.options();
    if (typeof messageQueue === 'function') return messageQueue;
    return this.queue?.adapter;
  }

  /** For the log. */
  describe(): string {
    if (typeof this.options().messageQueue === 'function') return ', with an adapter of the application';
    return this.queue ? `, message queue ${this.queue.name}` : '';
  }

  /** Ends within `timeout` milliseconds, whatever the broker does. */
  async close(timeout: number): Promise<void> {
    this.#leadership.close();
    await this.queue?.close(timeout);
  }
}

/** engine.io's code for a request that names a connection which it does not know. */
const UNKNOWN_SID = 1;

const UNKNOWN_SID_EXPLAINED =
  'Session ID unknown: the connection has ended, or another process has it. ' +
  'With several processes the balancer has to be sticky, or clients use WebSocket only.';

/** The text for a log, where several processes seem to serve one port and know nothing of each other. */
export const NOT_JOINED =
  'This process seems to be one of several (Node cluster, PM2), and there is no message queue: they are not one ' +
  'server, and clients that poll cannot stay connected. Start it with run(AppModule, { workers }), or see ' +
  'the page "Deployment" of the documentation.';

/** Whether another program has forked this process to share a port with its siblings. */
export function isOneOfMany(variables: NodeJS.ProcessEnv): boolean {
  return (cluster.isWorker && !isWorker()) || variables['exec_mode'] === 'cluster_mode';
}

/** Says in the answer to a polling request that came to the wrong process what is wrong. */
export function explainUnknownConnections(server: Server): void {
  server.engine.on('connection_error', (error: { code: number; context?: { message?: string } }) => {
    // engine.io answers with the context's message, if there is one
    if (error.code === UNKNOWN_SID && error.context) error.context.message = UNKNOWN_SID_EXPLAINED;
  });
}

/** Which process is the leader: one election for each name. */
export class Leadership {
  readonly #elections = new Map<string, Election>();
  /** The way to the other processes; `'none'` without a message queue, `undefined` until that is known. */
  #others: ElectionTransport | 'none' | undefined;
  #isListening = false;
  #isClosed = false;

  constructor(private readonly logger: FlaskSocketLogger) {}

  /** The election of a name. */
  of(name: string): Election {
    if (typeof name !== 'string' || name === '') throw failure('FSK_UNNAMED_LEADER', printableValue(name));
    let election = this.#elections.get(name);
    if (!election) this.#elections.set(name, (election = new Election(name, this.logger)));
    if (this.#isClosed) election.close();
    else this.#introduce(election);
    return election;
  }

  /** Says how to reach the other processes. Without a message queue (`'none'`) this process is the leader. */
  among(others: ElectionTransport | 'none'): void {
    this.#others = others;
    for (const election of this.#elections.values()) this.#introduce(election);
  }

  /** Lets other processes take over. */
  close(): void {
    this.#isClosed = true;
    for (const election of this.#elections.values()) election.close();
  }

  #introduce(election: Election): void {
    if (!this.#others) return;
    if (this.#others !== 'none') this.#listen(this.#others);
    election.useTransport(this.#others);
  }

  /** Subscribes on first use: most applications have no leader. */
  #listen(transport: ElectionTransport): void {
    if (this.#isListening) return;
    this.#isListening = true;
    transport.subscribe((message) => this.#elections.get(message.name)?.receive(message));
  }
}
