import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Manager, type Socket } from 'socket.io-client';
import type { FlaskSocketOptions, Member } from 'nestjs-flask-socket';
import { onTestFinished, vi } from 'vitest';
import { connected } from '../support/app.js';
import type { Broker } from '../support/brokers.js';
import { compiled, type Compiled } from '../support/compiled.js';
import { root } from '../support/repository.js';
import type { BackEnd } from './back-ends.js';

/** How long something may take that is bound to happen. */
export const SOON = { timeout: 20_000, interval: 20 };

/** An error in an application's process, as it is told about. */
export interface RemoteError extends Error {
  code?: string;
}

/** An application in a process of its own. Every method does there what that of `SocketIO` does. */
export class Application {
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #orders = 0;
  #complaints = '';
  #url = '';
  #ended = false;

  constructor(readonly child: ChildProcess) {
    child.stderr!.on('data', (text: Buffer) => (this.#complaints += text.toString()));
    child.once('exit', () => this.#end());
  }

  static async start(
    main: string,
    options: FlaskSocketOptions,
    env?: NodeJS.ProcessEnv,
  ): Promise<Application> {
    const child = fork(main, [JSON.stringify(options)], {
      env: { ...process.env, ...env },
      execArgv: ['--expose-gc'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const application = new Application(child);
    const [port] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as unknown[];
    if (application.#ended) throw new Error(`It did not start: ${application.#complaints}`);
    application.#url = `http://127.0.0.1:${String(port)}`;
    child.on('message', (message) => application.#take(message as Reply));
    return application;
  }

  get url(): string {
    return this.#url;
  }

  get isAlive(): boolean {
    return !this.#ended;
  }

  /** What it wrote on its standard error: nothing, unless something is wrong. */
  get complaints(): string {
    return this.#complaints;
  }

  emit(event: string, data?: unknown, options?: object): Promise<void> {
    return this.order('emit', event, data, options);
  }

  /** Resolves with the values that the callback got. */
  emitForCallback(event: string, data: unknown, options: object): Promise<unknown[]> {
    return this.order('emitForCallback', event, data, options);
  }

  call(event: string, data: unknown, options: object): Promise<unknown> {
    return this.order('call', event, data, options);
  }

  joinRoom(room: string, client: object): Promise<void> {
    return this.order('joinRoom', room, client);
  }

  leaveRoom(room: string, client: object): Promise<void> {
    return this.order('leaveRoom', room, client);
  }

  closeRoom(room: string, options?: object): Promise<void> {
    return this.order('closeRoom', room, options);
  }

  members(room: string | undefined, options?: object): Promise<Member[]> {
    return this.order('members', room, options);
  }

  /** The same, with what a list loses on its way to another process. */
  partialMembers(
    room: string | undefined,
    options?: object,
  ): Promise<{ sids: string[]; partial: boolean; took: number }> {
    return this.order('partialMembers', room, options);
  }

  /** Puts a name, and lists nested so deep, into the `data` of a client's socket. */
  keepInData(sid: string, name: string, depth: number): Promise<void> {
    return this.order('keepInData', sid, name, depth);
  }

  /** The names that `fetchSockets()` finds in the `data` of sockets, by sid. */
  namesInData(): Promise<Record<string, string | undefined>> {
    return this.order('namesInData');
  }

  /** Starts a task that emits `tick` while this process leads under a name. */
  startTicking(name: string): Promise<void> {
    return this.order('startTicking', name);
  }

  stopTicking(): Promise<void> {
    return this.order('stopTicking');
  }

  isLeader(name: string): Promise<boolean> {
    return this.order('isLeader', name);
  }

  /** Lets in the clients that wait at `/door`. */
  openDoor(): Promise<void> {
    return this.order('openDoor');
  }

  /** The sids of the clients that wait at `/door`. */
  waiting(): Promise<string[]> {
    return this.order('waiting');
  }

  disconnect(client: object): Promise<void> {
    return this.order('disconnect', client);
  }

  disconnectUser(id: number): Promise<void> {
    return this.order('disconnectUser', id);
  }

  rooms(client: object): Promise<string[]> {
    return this.order('rooms', client);
  }

  /** Its log since the last time. */
  log(): Promise<string[]> {
    return this.order('log');
  }

  /** Who left since the last time, as its disconnect handler saw it. */
  left(): Promise<{ sid: string; reason: unknown; rooms: string[] }[]> {
    return this.order('left');
  }

  usage(): Promise<{ heap: number; held: string[] }> {
    return this.order('usage');
  }

  /** One of the commands of application.ts. */
  order<T>(what: string, ...values: unknown[]): Promise<T> {
    const id = this.#orders++;
    return new Promise<T>((resolve, reject) => {
      if (this.#ended) return reject(new Error(`The process has ended: ${this.#complaints}`));
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.child.send({ id, what, values });
    });
  }

  /** Ends it as an operator does. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.child, 'exit');
    this.order('close').catch(() => {});
    await ended;
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  #take({ id, result, error }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(Object.assign(new Error(error.message), error));
    else waiting?.resolve(result);
  }

  #end(): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.values())
      reject(new Error(`The process has ended: ${this.#complaints}`));
  }
}

interface Reply {
  id: number;
  result?: unknown;
  error?: { message: string; code?: string };
}

const FENCE = 'fence';

/** A client of one of the processes, with what it hears. */
export class Client {
  #sid = '';
  readonly #heard: unknown[][] = [];
  /** The fences that it has seen. */
  readonly fences = new Set<unknown>();

  constructor(
    readonly socket: Socket,
    readonly namespace: string,
  ) {
    socket.onAny((event: string, ...values: unknown[]) => {
      if (event === FENCE) this.fences.add(values[0]);
      else this.#heard.push([event, ...values.filter((value) => typeof value !== 'function')]);
    });
  }

  /** Its id, also when it has left. */
  get sid(): string {
    return (this.#sid = this.socket.id ?? this.#sid);
  }

  /** What was heard and not yet asked for. */
  get all(): readonly unknown[][] {
    return this.#heard;
  }

  /** What was heard since the last time, as `[event, ...values]`. */
  heard(): unknown[][] {
    return this.#heard.splice(0);
  }

  /** How it answers an event that asks for an acknowledgement. */
  answer(event: string, ...values: unknown[]): void {
    this.socket.on(event, (...received: unknown[]) => {
      const acknowledge = received.at(-1);
      if (typeof acknowledge === 'function') (acknowledge as (...values: unknown[]) => void)(...values);
    });
  }

  ask(event: string, ...values: unknown[]): Promise<unknown> {
    return this.socket.emitWithAck(event, ...values);
  }
}

/** How clients connect. */
export interface Joining {
  namespace?: string;
  auth?: { [key: string]: unknown };
  /** Default: one on each of the three processes. */
  on?: readonly Application[];
}

/** Three processes of one application on a broker, and their clients. */
export class World {
  a!: Application;
  b!: Application;
  c!: Application;
  broker!: Broker;
  #program!: Compiled;
  readonly #started: Application[] = [];
  readonly channel = `contract-${randomUUID()}`;

  constructor(readonly backEnd: BackEnd) {}

  async open(): Promise<void> {
    this.#program = compiled(`${root}test/contract/application.ts`);
    this.broker = await this.backEnd.broker();
    await this.broker.start();
    [this.a, this.b, this.c] = await Promise.all([this.process(), this.process(), this.process()]);
    await this.together();
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((application) => application.close()));
    await this.broker.kill();
    this.#program.remove();
  }

  get three(): readonly [Application, Application, Application] {
    return [this.a, this.b, this.c];
  }

  /** One process more. */
  async process(options: FlaskSocketOptions = {}): Promise<Application> {
    const messageQueue = this.backEnd.queue(this.broker.url);
    const application = await Application.start(this.#program.main, {
      messageQueue,
      channel: this.channel,
      ...options,
    });
    this.#started.push(application);
    return application;
  }

  /** One client on each process, in the order of the processes; they leave with the test. */
  async clients(joining: Joining = {}): Promise<Client[]> {
    const clients = await this.dial(joining);
    onTestFinished(() => leave(clients));
    return clients;
  }

  /** The same; they stay. */
  async dial({ on = this.three, ...joining }: Joining = {}): Promise<Client[]> {
    const clients = on.map(({ url }) => clientOf(url, joining));
    await Promise.all(clients.map(({ socket }) => connected(socket)));
    return clients;
  }

  /** One client on each process that waits at `/door`, with its sid: its `@OnConnect()` runs. */
  async waiting({ on = this.three }: Pick<Joining, 'on'> = {}): Promise<{ client: Client; sid: string }[]> {
    const waiting: { client: Client; sid: string }[] = [];
    for (const application of on) {
      const client = clientOf(application.url, { namespace: '/door' });
      await vi.waitUntil(async () => (await application.waiting()).length > 0, SOON);
      waiting.push({ client, sid: (await application.waiting())[0]! });
    }
    onTestFinished(() => leave(waiting.map(({ client }) => client)));
    return waiting;
  }

  /** What each of the clients has heard, when all that these processes have said so far has arrived. */
  async heard(clients: readonly Client[], from: readonly Application[] = this.three): Promise<unknown[][][]> {
    const namespaces = new Set(clients.map(({ namespace }) => namespace));
    for (const namespace of namespaces) {
      const ours = clients.filter((client) => client.namespace === namespace);
      await Promise.all(from.map((application) => this.#fence(application, namespace, ours)));
    }
    return clients.map((client) => client.heard());
  }

  /** Resolves when each of the processes hears all others, and knows how many they are. */
  async together(processes: readonly Application[] = this.three): Promise<void> {
    const clients = await this.dial({ namespace: '/chat', on: processes });
    for (const application of processes) {
      await this.reaches(application, clients);
      await vi.waitUntil(() => findsAll(application, clients), SOON);
    }
    leave(clients);
  }

  /** Resolves when these clients hear what a process says: one that is new to a namespace may miss the first. */
  async reaches(application: Application, clients: readonly Client[]): Promise<void> {
    const isHeard = async ({ namespace, fences }: Client) => {
      const token = randomUUID();
      await application.emit(FENCE, token, { namespace });
      await vi.waitUntil(() => fences.has(token), { timeout: 500, interval: 10 }).catch(() => {});
      return fences.has(token);
    };
    for (const client of clients) await vi.waitUntil(() => isHeard(client), SOON);
  }

  async #fence(application: Application, namespace: string, clients: readonly Client[]): Promise<void> {
    const token = randomUUID();
    await application.emit(FENCE, token, { namespace });
    await vi.waitUntil(
      () => clients.every(({ fences, socket }) => fences.has(token) || !socket.connected),
      SOON,
    );
  }
}

function clientOf(url: string, { namespace = '/', auth }: Joining): Client {
  const manager = new Manager(url, { reconnection: false, transports: ['websocket'] });
  return new Client(manager.socket(namespace, { auth }), namespace);
}

/** Ends the connections of clients. */
export function leave(clients: readonly Client[]): void {
  for (const { socket } of clients) socket.io._close();
}

/** Whether the clients are among the members that a process finds. */
async function findsAll(application: Application, clients: readonly Client[]): Promise<boolean> {
  const members = clients.map(({ sid, namespace }) => application.members(sid, { namespace }));
  const found = await Promise.all(members).catch(() => []);
  return found.flat().length === clients.length;
}
