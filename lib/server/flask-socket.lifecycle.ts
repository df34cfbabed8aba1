import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { ANY } from '../common/constants.js';
import { COPY, otherCopyOf, serve, twoCopies } from '../common/copies.js';
import { failure } from '../common/errors.js';
import { isPattern } from '../common/namespace.js';
import { storage } from '../context/storage.js';
import type { Gateway } from '../handlers/gateways.js';
import { HandlerExplorer } from '../handlers/handler.explorer.js';
import type { HandlerDefinition } from '../handlers/handler.js';
import { refuseOverride, remarksOn } from '../handlers/overrides.js';
import { giveServer, initGateways } from '../handlers/nest-gateways.js';
import { FlaskSocketAdapter } from './flask-socket.adapter.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';
import { explainUnknownConnections, isOneOfMany, NOT_JOINED } from './processes/message-queue.js';

const CORS_OF_GATEWAY = (gateway: string) =>
  `${gateway} sets cors in @WebSocketGateway(), which is left out: its server is shared, and option ` +
  'corsAllowedOrigins of FlaskSocketModule decides who may connect. Name the origins there.';

const UNKNOWABLE = (provider: string) =>
  `${provider} is a factory with a new instance for each event, and its token is no class: were it a gateway, its ` +
  'handlers would not be found. A gateway is provided under its class: { provide: ChatGateway, useFactory: … }.';

/** Follows the application: puts the adapter in place, finds the handlers, opens the server. */
@Injectable()
export class FlaskSocketLifecycle implements OnModuleInit, OnApplicationBootstrap {
  readonly #adapter: FlaskSocketAdapter;

  constructor(
    @Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime,
    @Inject(HandlerExplorer) private readonly explorer: HandlerExplorer,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
  ) {
    const other = application.getIoAdapter() as { [COPY]?: unknown } | undefined;
    if (other instanceof FlaskSocketAdapter) throw failure('FSK_MODULE_TWICE');
    const place = otherCopyOf(other?.[COPY]);
    if (place !== undefined) throw twoCopies('a FlaskSocketModule that is imported, too,', place);
    serve(() => storage.getStore() !== undefined);
    this.#adapter = new FlaskSocketAdapter(runtime.host, {
      path: () => runtime.config.options.path,
      log: runtime.logger,
      gateways: () => explorer.nestGateways(),
    });
    application.setIoAdapter(this.#adapter);
  }

  /** Creates the enhancers of gateways early enough for Nest to call their lifecycle hooks. */
  async onModuleInit(): Promise<void> {
    await this.explorer.prepare(this.explorer.gateways());
  }

  /** Handlers first, then the server: no client connects before the application listens. */
  async onApplicationBootstrap(): Promise<void> {
    this.#checkAdapter();
    const gateways = this.explorer.follow((added) => this.#add(added));
    const definitions = await this.#register(gateways);
    const { messageQueue } = this.runtime;
    await messageQueue.open(this.runtime);
    this.#openServer();
    await this.#serve(gateways);
    this.#report();
    this.#reportHandlers(gateways, definitions);
    if (!this.runtime.config.options.debug) return;
    for (const provider of this.explorer.unknowable()) this.runtime.logger.debug?.(UNKNOWABLE(provider));
  }

  #openServer(): void {
    const { host, messageQueue } = this.runtime;
    const server = host.open();
    if (messageQueue.adapter) server.adapter(messageQueue.adapter);
    this.runtime.keepAdapters();
    if (host.hasClients) explainUnknownConnections(server);
  }

  /** The handlers of a module that was loaded while the application runs. */
  async #add(gateways: readonly Gateway[]): Promise<void> {
    const definitions = await this.#register(gateways);
    await this.#serve(gateways);
    this.#reportHandlers(gateways, definitions);
  }

  /** All handlers of these gateways, or, where one of them cannot be added, none. */
  async #register(gateways: readonly Gateway[]): Promise<HandlerDefinition[]> {
    for (const { overrides } of gateways) overrides.forEach(refuseOverride);
    await this.explorer.prepare(gateways);
    const definitions = this.explorer.handlersOf(gateways);
    const added: (() => void)[] = [];
    try {
      for (const definition of definitions) added.push(this.runtime.registry.add(definition));
    } catch (error) {
      for (const remove of added) remove();
      throw error;
    }
    return definitions;
  }

  async #serve(gateways: readonly Gateway[]): Promise<void> {
    const serverFor = (namespace: string) => this.runtime.serverFor(namespace);
    for (const instance of this.explorer.instancesOf(gateways)) giveServer(instance, serverFor);
    this.runtime.openNamespaces(this.#namespaces());
    await initGateways(this.explorer.withInit(gateways), serverFor);
  }

  #namespaces(): string[] {
    const { namespaces } = this.runtime.config.options;
    const named = namespaces === ANY ? [] : namespaces.filter((name) => name !== ANY && !isPattern(name));
    return [...new Set([...named, ...this.runtime.registry.namespaces()])];
  }

  /** An adapter that makes a second socket.io server on the same HTTP server would take half of the clients. */
  #checkAdapter(): void {
    const adapter: unknown = this.application.getIoAdapter();
    if (adapter === this.#adapter || !hasCreateIoServer(adapter)) return;
    throw failure('FSK_ADAPTER_REPLACED', adapter.constructor.name);
  }

  #report(): void {
    const { config, host, engine, logger, originPolicy, messageQueue } = this.runtime;
    const { path, transports } = config.options;
    if (!host.hasClients) {
      logger.log(`No HTTP server here, so no Socket.IO clients${messageQueue.describe()}`);
      return;
    }
    logger.log(`Socket.IO on ${path}: ${transports.join(' + ')}, engine ${engine.name}, origins: ${originPolicy.describe()}${messageQueue.describe()}`); // prettier-ignore
    for (const gateway of this.explorer.gatewaysWithCors()) logger.warn(CORS_OF_GATEWAY(gateway));
    if (!messageQueue.adapter && isOneOfMany(process.env)) logger.warn(NOT_JOINED);
  }

  #reportHandlers(gateways: readonly Gateway[], definitions: readonly HandlerDefinition[]): void {
    const { config, logger } = this.runtime;
    for (const remark of new Set(gateways.flatMap(remarksOn))) logger.warn(remark);
    if (!config.options.debug) return;
    for (const { kind, event, namespace, handler } of definitions) {
      logger.log(`${namespace} ${event ?? kind} → ${handler.place}`);
    }
  }
}

function hasCreateIoServer(adapter: unknown): adapter is object {
  return typeof (adapter as { createIOServer?: unknown } | null | undefined)?.createIOServer === 'function';
}
