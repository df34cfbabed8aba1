import type { IncomingMessage } from 'node:http';
import { type INestApplicationContext, Inject, Injectable, type Type } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Namespace, Server } from 'socket.io';
import type { Log } from '../common/logger.js';
import { type AdapterFactory, recoveryOf, type ResolvedOptions } from '../common/options.js';
import { describeThrown } from '../common/printable.js';
import type { RemoteClients } from '../common/remote-clients.js';
import { chain, guarded } from '../common/thenable.js';
import { Admission, type AdmissionRules, Attachment } from '../connection/admission.js';
import { Decision } from '../connection/decision.js';
import { Departure } from '../connection/departure.js';
import { GatewayHooks } from '../connection/gateway-hooks.js';
import { clientView } from '../connection/http-platform.js';
import { Addresses } from '../connection/limits/addresses.js';
import { eventRateOf } from '../connection/limits/event-rate.js';
import { Handshakes } from '../connection/limits/handshakes.js';
import { LimitReports } from '../connection/limits/limit-reports.js';
import { PostRequests } from '../connection/limits/post-requests.js';
import { SlowReaders } from '../connection/limits/slow-readers.js';
import { Identification, watchExpiry } from '../connection/identification.js';
import { Namespaces } from '../connection/namespaces.js';
import { OriginPolicy } from '../connection/origin-policy.js';
import { OversizedMessages, Receiver } from '../connection/packet-receiver.js';
import { Recovery } from '../connection/recovery/recovery.js';
import type { AnyFunction, Connection, CurrentApp, Runtime, Token } from '../context/connection.js';
import type { SocketRequest } from '../context/socket-request.js';
import { Dispatcher } from '../dispatch/dispatcher.js';
import { Executor } from '../dispatch/executor.js';
import { Failures, UnhandledEvents } from '../dispatch/failures.js';
import type { Observer } from '../dispatch/observer.js';
import { HandlerCompiler } from '../handlers/handler.compiler.js';
import type { Handler } from '../handlers/handler.js';
import { HandlerRegistry } from '../handlers/handler.registry.js';
import { normalizeResult } from '../handlers/results.js';
import { EventRequest, ScopedInstances } from '../handlers/scoped-instances.js';
import { Sessions } from '../sessions/sessions.js';
import { chooseEngine, type Engine } from '../socketio/engine.js';
import { MemoryAdapter } from '../socketio/memory-adapter.js';
import { uncheckedLength } from '../socketio/packet-parser.js';
import { FlaskSocketConfig, serverOptions } from './engine-options.js';
import { MessageQueue } from './processes/message-queue.js';
import { ServerHost } from './server-host.js';

/** Creates the parts of a running application and connects them. Each part receives only what it needs. */
@Injectable()
export class FlaskSocketRuntime implements Runtime {
  readonly registry = new HandlerRegistry();
  readonly logger: Log;
  readonly app: CurrentApp;
  readonly host: ServerHost;
  readonly executor: Executor;
  readonly sessions: Sessions;
  readonly messageQueue: MessageQueue;
  readonly limits: LimitReports;
  /** Whether the application is stopping and refuses new clients. */
  draining = false;
  readonly #oversizedMessages: OversizedMessages;
  readonly #handshakes: Handshakes;
  readonly #identification: Identification;
  readonly #namespaces: Namespaces;
  readonly #warned = new Set<string>();

  constructor(
    @Inject(FlaskSocketConfig) readonly config: FlaskSocketConfig,
    @Inject(HandlerCompiler) readonly compiler: HandlerCompiler,
    @Inject(ScopedInstances) private readonly scoped: ScopedInstances,
    @Inject(HttpAdapterHost) private readonly platform: HttpAdapterHost,
    @Inject(ModuleRef) moduleRef: ModuleRef,
  ) {
    const { logger } = config;
    const { registry } = this;
    this.logger = logger;
    this.#oversizedMessages = new OversizedMessages(logger);
    const options = () => config.options;
    const isStopping = () => this.draining;
    this.#identification = new Identification({ identify: () => config.options.identify, logger });
    const executor = new Executor(new Failures(registry, logger), scoped, logger);
    this.executor = executor;
    this.limits = new LimitReports({ limits: () => config.limits, logger, executor });
    const addresses = new Addresses(this.limits, (request) => this.addressOf(request));
    this.#handshakes = new Handshakes({ reports: this.limits, addresses });
    const serial = () => !config.options.asyncHandlers;
    this.sessions = new Sessions({ options, platform, logger });
    const unhandled = new UnhandledEvents({ registry, logger, debug: () => config.options.debug });
    this.#namespaces = this.#createNamespaces(
      new Dispatcher({ registry, executor, logger, serial, unhandled }),
      isStopping,
    );
    this.messageQueue = new MessageQueue(options, logger);
    this.app = currentApp(moduleRef, platform);
    this.host = this.#createServerHost(isStopping);
  }

  /** Creates the namespaces, and all parts that a connecting client goes through. */
  #createNamespaces(dispatcher: Dispatcher, isStopping: () => boolean): Namespaces {
    const { registry, executor, sessions, limits, logger, config } = this;
    const options = () => config.options;
    const hooks = new GatewayHooks(registry, executor);
    const handshakes = this.#handshakes;
    const tooLarge = this.#oversizedMessages;
    const departure = new Departure({ registry, executor, hooks, tooLarge, handshakes });
    const recovery = new Recovery(options, logger, (client) => sessions.of(client));
    const decision = new Decision(registry, executor, { identification: this.#identification, recovery });
    const prepared = { registry, dispatcher, sessions, recovery, departure, limits };
    const attachment = new Attachment({ runtime: this, ...prepared });
    const rules: AdmissionRules = {
      isStopping,
      isOpen: (namespace) => this.#namespaces.isOpen(namespace),
      alwaysConnect: () => config.options.alwaysConnect,
    };
    const admission = new Admission({ rules, attachment, decision, departure, hooks, recovery });
    const rate = () => eventRateOf(limits, options());
    const checks = { uncheckedLength: () => uncheckedLength(options(), config.limits), rate };
    const receiver = new Receiver({ executor, logger, limits, ...checks });
    const parts = { registry, admission, departure, recovery, receiver, handshakes };
    return new Namespaces({ ...parts, limits, logger, options });
  }

  #createServerHost(isStopping: () => boolean): ServerHost {
    return new ServerHost(this.platform, {
      options: (gateway) => {
        const openSession = this.sessions.allowRequest;
        const parts = { engine: this.engine, policy: this.originPolicy, isStopping, openSession };
        const adapter = recoveryOf(this.config.options) && { adapter: MemoryAdapter as AdapterFactory };
        return serverOptions(this.config.options, parts, { ...adapter, ...gateway });
      },
      created: (server) => this.#namespaces.install(server),
      attached: (server) => {
        this.#handshakes.install(server);
        this.#oversizedMessages.watch(server);
        new PostRequests(this).watch(server);
        new SlowReaders(this).watch(server);
        this.executor.observer?.serverCreated(server);
      },
    });
  }

  /** The Socket.IO server. Throws `FSK_NOT_READY` before it is created. */
  get server(): Server {
    return this.host.server;
  }

  /** The clients of other processes. */
  get remoteClients(): RemoteClients | undefined {
    return this.messageQueue.otherProcesses;
  }

  /** Sets the observer of events, handlers and connections. */
  observe(observer: Observer): void {
    this.executor.observer = observer;
    if (this.host.existing) observer.serverCreated(this.host.existing);
  }

  /** Prepares the adapters of all namespaces. Call it after the server got its final adapter. */
  prepareAdapters(): void {
    this.#namespaces.prepareAdapters(this.server);
  }

  /** Opens namespaces, if the server has been created. */
  openNamespaces(names: Iterable<string>): void {
    if (this.host.existing) this.#namespaces.open(this.host.existing, names);
  }

  serverFor(namespace: string): Server | Namespace {
    return this.#namespaces.serverFor(this.server, namespace);
  }

  runCallback(connection: Connection | undefined, values: readonly unknown[], callback: AnyFunction): void {
    if (!connection) return this.#callWithoutContext(callback, values);
    const request = new EventRequest(connection, { message: null, args: values });
    void this.executor.runWithoutResult({ request, handler: this.#handlerFor(callback), values });
  }

  userChanged(connection: Connection): void {
    this.#identification.identifyAgain(connection);
  }

  expiryChanged({ socket }: Connection): void {
    watchExpiry(socket.client);
  }

  contextIdOf(request: SocketRequest): object {
    return this.scoped.contextIdOf(request);
  }

  addressOf(request: IncomingMessage): string | undefined {
    return clientView(this.platform, request).ip;
  }

  warnOnce(subject: string, text: string): void {
    if (this.#warned.has(subject)) return;
    this.#warned.add(subject);
    this.logger.warn(text);
  }

  /** Runs a callback without an event's context: there is no connection where the client is in another process. */
  #callWithoutContext(callback: AnyFunction, values: readonly unknown[]): void {
    void guarded<unknown>(
      () => callback(...(values as never[])),
      (thrown) => this.logger.error(`Error in a callback: ${describeThrown(thrown)}`, 'callback'),
    );
  }

  /** The handler of an acknowledgement callback. All share one compiled handler, since callbacks are short-lived. */
  #handlerFor(callback: AnyFunction): Handler {
    const shared = (this.#callbackHandler ??= this.compiler.compileFunction(() => {}, { place: 'callback' }));
    const call = callback as (...values: readonly unknown[]) => unknown;
    const place = callback.name || shared.place;
    const run: Handler['run'] = (request, values) =>
      chain(shared.run(request, []), () => normalizeResult(call(...values), request, place));
    return { ...shared, place, run };
  }

  #callbackHandler: Handler | undefined;

  /** The WebSocket engine. It is chosen again after `run()` has added options. */
  get engine(): Engine {
    const { options } = this.config;
    if (this.#engine?.options !== options)
      this.#engine = { options, chosen: chooseEngine(options, this.logger) };
    return this.#engine.chosen;
  }

  #engine: { options: ResolvedOptions; chosen: Engine } | undefined;

  /** Decides which origins may connect. */
  get originPolicy(): OriginPolicy {
    return (this.#originPolicy ??= new OriginPolicy(this.config.options, this.platform, this.logger));
  }

  #originPolicy: OriginPolicy | undefined;
}

function currentApp(moduleRef: ModuleRef, platform: HttpAdapterHost): CurrentApp {
  return {
    get: <T>(token: Token<T>) => moduleRef.get<T>(token, { strict: false }),
    resolve: <T>(token: Token<T>) => moduleRef.resolve<T>(token, undefined, { strict: false }),
    getHttpServer: () => platform.httpAdapter?.getHttpServer?.() as unknown,
  };
}

/**
 * A provider of an application, or `undefined` where no module provides it. A failing `get()` of an application of
 * `NestFactory.create()` would end the process, so the modules are searched first.
 */
export function findProvider<T>(app: INestApplicationContext, token: Type<T>): T | undefined {
  const modules = [...app.get(ModulesContainer).values()];
  return modules.some(({ providers }) => providers.has(token)) ? app.get(token) : undefined;
}
