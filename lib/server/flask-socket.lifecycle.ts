import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { ANY } from '../common/constants.js';
import { COPY, otherCopyOf, serve, twoCopies } from '../common/copies.js';
import { failure } from '../common/errors.js';
import { isPattern } from '../common/namespace.js';
import { storage } from '../context/storage.js';
import { type Gateway, overrideWarnings, rejectConnectOverride } from '../handlers/gateways.js';
import { HandlerExplorer } from '../handlers/handler.explorer.js';
import type { HandlerDefinition } from '../handlers/handler.js';
import { initGateways, injectServer } from '../handlers/nest-gateways.js';
import { FlaskSocketAdapter } from './flask-socket.adapter.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';
import { explainUnknownConnections, isClusterProcess, NO_MESSAGE_QUEUE } from './processes/message-queue.js';

const CORS_IGNORED = (gateway: string) =>
  `${gateway} sets cors in @WebSocketGateway(), which has no effect: its server is shared, and option ` +
  'corsAllowedOrigins of FlaskSocketModule decides who may connect. Name the origins there.';

const UNKNOWN_CLASS = (provider: string) =>
  `${provider} is a factory that makes a new instance for each event, and its token is no class. If it makes a gateway, ` +
  'its handlers are not found. Provide a gateway under its class: { provide: ChatGateway, useFactory: … }.';

/** Runs with the lifecycle hooks of Nest: sets the adapter, finds the handlers, opens the server. */
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
      gateways: () => explorer.nestGatewayObjects(),
    });
    application.setIoAdapter(this.#adapter);
  }

  /** Creates the enhancers of gateways before Nest calls their lifecycle hooks. */
  async onModuleInit(): Promise<void> {
    await this.explorer.provideEnhancers(this.explorer.gateways());
  }

  /** Registers the handlers, then opens the server. No client can connect before the application listens. */
  async onApplicationBootstrap(): Promise<void> {
    this.#checkAdapter();
    const gateways = this.explorer.watchGateways((added) => this.#addGateways(added));
    const definitions = await this.#registerHandlers(gateways);
    const { messageQueue } = this.runtime;
    await messageQueue.open(this.runtime);
    this.#openServer();
    await this.#initGateways(gateways);
    this.#logServer();
    this.#logHandlers(gateways, definitions);
    if (!this.runtime.config.options.debug) return;
    for (const provider of this.explorer.providersOfUnknownClass())
      this.runtime.logger.debug?.(UNKNOWN_CLASS(provider));
  }

  #openServer(): void {
    const { host, messageQueue } = this.runtime;
    const server = host.open();
    if (messageQueue.adapter) server.adapter(messageQueue.adapter);
    this.runtime.prepareAdapters();
    if (host.hasHttpServer) explainUnknownConnections(server);
  }

  /** Adds the gateways of a module that was loaded while the application runs. */
  async #addGateways(gateways: readonly Gateway[]): Promise<void> {
    const definitions = await this.#registerHandlers(gateways);
    await this.#initGateways(gateways);
    this.#logHandlers(gateways, definitions);
  }

  /** Registers all handlers of these gateways, or none of them if one fails. */
  async #registerHandlers(gateways: readonly Gateway[]): Promise<HandlerDefinition[]> {
    for (const { overrides } of gateways) overrides.forEach(rejectConnectOverride);
    await this.explorer.provideEnhancers(gateways);
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

  async #initGateways(gateways: readonly Gateway[]): Promise<void> {
    const serverFor = (namespace: string) => this.runtime.serverFor(namespace);
    for (const instance of this.explorer.instancesOf(gateways)) injectServer(instance, serverFor);
    this.runtime.openNamespaces(this.#namespacesToOpen());
    await initGateways(this.explorer.gatewaysWithInit(gateways), serverFor);
  }

  #namespacesToOpen(): string[] {
    const { namespaces } = this.runtime.config.options;
    const named = namespaces === ANY ? [] : namespaces.filter((name) => name !== ANY && !isPattern(name));
    return [...new Set([...named, ...this.runtime.registry.namespaces()])];
  }

  /** Fails where another adapter replaced ours: its own server on the same HTTP server would take clients from ours. */
  #checkAdapter(): void {
    const adapter: unknown = this.application.getIoAdapter();
    if (adapter === this.#adapter || !hasCreateIoServer(adapter)) return;
    throw failure('FSK_ADAPTER_REPLACED', adapter.constructor.name);
  }

  #logServer(): void {
    const { config, host, engine, logger, originPolicy, messageQueue } = this.runtime;
    const { path, transports } = config.options;
    if (!host.hasHttpServer) {
      logger.log(`No HTTP server here, so no Socket.IO clients${messageQueue.describe()}`);
      return;
    }
    logger.log(`Socket.IO on ${path}: ${transports.join(' + ')}, engine ${engine.name}, origins: ${originPolicy.describe()}${messageQueue.describe()}`); // prettier-ignore
    for (const gateway of this.explorer.gatewaysWithCors()) logger.warn(CORS_IGNORED(gateway));
    if (!messageQueue.adapter && isClusterProcess(process.env)) logger.warn(NO_MESSAGE_QUEUE);
  }

  #logHandlers(gateways: readonly Gateway[], definitions: readonly HandlerDefinition[]): void {
    const { config, logger } = this.runtime;
    for (const remark of new Set(gateways.flatMap(overrideWarnings))) logger.warn(remark);
    if (!config.options.debug) return;
    for (const { kind, event, namespace, handler } of definitions) {
      logger.log(`${namespace} ${event ?? kind} → ${handler.place}`);
    }
  }
}

function hasCreateIoServer(adapter: unknown): adapter is object {
  return typeof (adapter as { createIOServer?: unknown } | null | undefined)?.createIOServer === 'function';
}
