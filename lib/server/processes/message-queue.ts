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

/** The message queue of an application. Without option `messageQueue` it does nothing. */
export class MessageQueue {
  queue: Queue | undefined;
  otherProcesses: OtherProcesses | undefined;
  readonly #elections: Elections;

  constructor(
    private readonly options: () => ResolvedOptions,
    private readonly logger: FlaskSocketLogger,
  ) {
    this.#elections = new Elections(logger);
  }

  /** Opens the queue without waiting for the broker. Rejects with configuration errors. */
  async open(runtime: Runtime): Promise<void> {
    const { messageQueue, channel, queueSecret: secret } = this.options();
    if (messageQueue === undefined) return this.#elections.useTransport('none');
    if (typeof messageQueue === 'function') return;
    const address = typeof messageQueue === 'string' ? { url: messageQueue } : messageQueue;
    this.queue = await openQueue({ ...address, channel, secret, logger: this.logger });
    this.otherProcesses = new OtherProcesses(this.queue, runtime);
    this.#elections.useTransport(this.queue.election);
  }

  /** The election of the leader under a name. `caller` is named by the error `FSK_NO_LEADER` of a custom adapter. */
  election(name: string, caller: string): Election {
    if (typeof this.options().messageQueue === 'function') throw failure('FSK_NO_LEADER', caller);
    return this.#elections.of(name);
  }

  /** The adapter for the Socket.IO server; the default one without a message queue. */
  get adapter(): AdapterFactory | undefined {
    const { messageQueue } = this.options();
    if (typeof messageQueue === 'function') return messageQueue;
    return this.queue?.adapter;
  }

  /** The message queue in words, for the log line at start. */
  describe(): string {
    if (typeof this.options().messageQueue === 'function') return ', with an adapter of the application';
    return this.queue ? `, message queue ${this.queue.name}` : '';
  }

  /** Closes the queue within `timeout` milliseconds, even if the broker hangs. */
  async close(timeout: number): Promise<void> {
    this.#elections.close();
    await this.queue?.close(timeout);
  }
}

/** engine.io's error code for an unknown session ID. */
const UNKNOWN_SID = 1;

const UNKNOWN_SID_EXPLAINED =
  'Session ID unknown: the connection has ended, or another process has it. ' +
  'With several processes the balancer has to be sticky, or clients use WebSocket only.';

/** The warning for a process that shares its port with others and has no message queue. */
export const NO_MESSAGE_QUEUE =
  'This process seems to be one of several (Node cluster, PM2) without a message queue: each is a server of its own, ' +
  'and clients that poll cannot stay connected. Start the application with run(AppModule, { workers }), or see ' +
  'the page "Deployment" of the documentation.';

/** Whether this process is one of several that Node's cluster module or PM2 has started for one port. */
export function isClusterProcess(variables: NodeJS.ProcessEnv): boolean {
  return (cluster.isWorker && !isWorker()) || variables['exec_mode'] === 'cluster_mode';
}

/** Explains the error in the response to a polling request that came to the wrong process. */
export function explainUnknownConnections(server: Server): void {
  server.engine.on('connection_error', (error: { code: number; context?: { message?: string } }) => {
    // engine.io's response has the context's message, if there is one
    if (error.code === UNKNOWN_SID && error.context) error.context.message = UNKNOWN_SID_EXPLAINED;
  });
}

/** The elections of leaders, one for each name. */
export class Elections {
  readonly #elections = new Map<string, Election>();
  /** `'none'` without a message queue; `undefined` until the message queue is opened. */
  #transport: ElectionTransport | 'none' | undefined;
  #isSubscribed = false;
  #isClosed = false;

  constructor(private readonly logger: FlaskSocketLogger) {}

  /** The election of a name, created at the first call. */
  of(name: string): Election {
    if (typeof name !== 'string' || name === '') throw failure('FSK_UNNAMED_LEADER', printableValue(name));
    let election = this.#elections.get(name);
    if (!election) this.#elections.set(name, (election = new Election(name, this.logger)));
    if (this.#isClosed) election.close();
    else this.#connect(election);
    return election;
  }

  /** Sets the way to the other processes. With `'none'`, this process is the leader. */
  useTransport(transport: ElectionTransport | 'none'): void {
    this.#transport = transport;
    for (const election of this.#elections.values()) this.#connect(election);
  }

  /** Leaves all elections, so that other processes take over. */
  close(): void {
    this.#isClosed = true;
    for (const election of this.#elections.values()) election.close();
  }

  #connect(election: Election): void {
    if (!this.#transport) return;
    if (this.#transport !== 'none') this.#subscribe(this.#transport);
    election.useTransport(this.#transport);
  }

  /** Subscribes on first use, since most applications have no leader. */
  #subscribe(transport: ElectionTransport): void {
    if (this.#isSubscribed) return;
    this.#isSubscribed = true;
    transport.subscribe((message) => this.#elections.get(message.name)?.receive(message));
  }
}
