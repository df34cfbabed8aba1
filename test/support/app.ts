import type { AddressInfo } from 'node:net';
import type {
  DynamicModule,
  INestApplication,
  LoggerService,
  ModuleMetadata,
  Provider,
  Type,
} from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { FlaskSocketModule, type FlaskSocketOptions } from 'nestjs-flask-socket';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { onTestFinished } from 'vitest';

/** A line that the library logged. */
export interface LogLine {
  level: 'log' | 'error' | 'warn' | 'debug';
  text: string;
}

/** A logger that keeps its lines. */
export class KeepingLogger implements LoggerService {
  readonly lines: LogLine[] = [];

  log = (text: unknown) => void this.lines.push({ level: 'log', text: String(text) });
  error = (text: unknown) => void this.lines.push({ level: 'error', text: String(text) });
  warn = (text: unknown) => void this.lines.push({ level: 'warn', text: String(text) });
  debug = (text: unknown) => void this.lines.push({ level: 'debug', text: String(text) });

  /** The texts of one level. */
  of(level: LogLine['level']): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }
}

export interface AppOptions extends Omit<ModuleMetadata, 'providers'> {
  /** Gateways and other providers. */
  providers?: Provider[];
  options?: FlaskSocketOptions;
  /** Instead of `FlaskSocketModule.forRoot(options)`. */
  module?: DynamicModule;
  adapter?: () => AbstractHttpAdapter;
  /** Between creation and `listen()`. */
  prepare?: (app: INestApplication) => unknown;
}

export type ClientOptions = Partial<ManagerOptions & SocketOptions>;

/** A running application and the clients of a test. */
export class RunningApp {
  readonly #clients: Socket[] = [];

  constructor(
    readonly app: INestApplication,
    readonly log: KeepingLogger,
  ) {}

  get port(): number {
    return (this.app.getHttpServer().address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get<T>(token: Type<T>): T {
    return this.app.get(token);
  }

  /** A client that is not waited for; closed with the test. */
  open(namespace = '/', options: ClientOptions = {}): Socket {
    const client = io(this.url + namespace, { forceNew: true, reconnection: false, ...options });
    this.#clients.push(client);
    return client;
  }

  /** A connected client; WebSocket only unless told otherwise. */
  async connect(namespace = '/', options: ClientOptions = {}): Promise<Socket> {
    const client = this.open(namespace, { transports: ['websocket'], ...options });
    await connected(client);
    return client;
  }

  /** The same connection in another namespace. */
  async also(client: Socket, namespace: string, options: Partial<SocketOptions> = {}): Promise<Socket> {
    const other = client.io.socket(namespace, options);
    this.#clients.push(other);
    other.connect();
    await connected(other);
    return other;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.app.close();
  }
}

/** Starts an application on a free port; it ends with the test. */
export async function startApp({ prepare, adapter, ...metadata }: AppOptions = {}): Promise<RunningApp> {
  const log = new KeepingLogger();
  const root = rootModule(metadata, log);
  const nest = { logger: false, abortOnError: false } as const;
  const app = adapter
    ? await NestFactory.create(root, adapter(), nest)
    : await NestFactory.create(root, nest);
  const running = new RunningApp(app, log);
  onTestFinished(() => running.close());
  await prepare?.(app);
  await app.listen(0, '127.0.0.1');
  return running;
}

/** The error with which an application fails to start. */
export async function bootError(options: AppOptions): Promise<Error & { code?: string }> {
  try {
    await startApp(options);
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error('the application started');
}

function rootModule(
  { options, module, providers = [], imports = [], ...rest }: AppOptions,
  logger: LoggerService,
): Type {
  @Module({
    ...rest,
    imports: [module ?? FlaskSocketModule.forRoot({ logger, ...options }), ...imports],
    providers,
  })
  class TestModule {}
  return TestModule;
}

/** Resolves when a client is connected; rejects with its `connect_error`. */
export function connected(client: Socket): Promise<void> {
  if (client.connected) return Promise.resolve();
  return new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('connect_error', reject);
  });
}

/** The error with which a client is refused. */
export function refusal(client: Socket): Promise<Error & { data?: unknown }> {
  return new Promise((resolve, reject) => {
    client.once('connect_error', resolve);
    client.once('connect', () => reject(new Error('the client was accepted')));
  });
}

/** The arguments of the next event of this name. Ask before it can arrive. */
export function next(client: Socket, event: string): Promise<unknown[]> {
  return new Promise((resolve) => client.once(event, (...values: unknown[]) => resolve(values)));
}

/** Emits and resolves with all values of the acknowledgement, as an array. */
export function ask(client: Socket, event: string, ...values: unknown[]): Promise<unknown[]> {
  return new Promise((resolve) => client.emit(event, ...values, (...answer: unknown[]) => resolve(answer)));
}

/** Everything that a client receives from now on, as `[event, ...arguments]`. */
export function inbox(client: Socket): unknown[][] {
  const received: unknown[][] = [];
  client.onAny((...event: unknown[]) => received.push(event));
  return received;
}

/**
 * Resolves when all that the server has sent to these clients so far has arrived: socket.io keeps the order of one
 * connection, so an answer to a question asked now comes last. Needs no handler: an unknown namespace is refused.
 */
export async function flushed(...clients: Socket[]): Promise<void> {
  await Promise.all(
    clients.map(async (client) => {
      const probe = client.io.socket(`/flushed-${Math.random()}`, {});
      await Promise.race([refusal(probe.connect()).catch(() => {}), next(client, 'disconnect')]);
      probe.disconnect();
    }),
  );
}
