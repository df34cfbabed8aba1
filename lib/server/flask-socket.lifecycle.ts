import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { ANY } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { isPattern } from '../common/namespace.js';
import { HandlerExplorer } from '../handlers/handler.explorer.js';
import type { HandlerDefinition } from '../handlers/handler.js';
import { FlaskSocketAdapter } from './flask-socket.adapter.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';
import { explainUnknownConnections, isOneOfMany, NOT_JOINED } from './processes/many-processes.js';

const CORS_OF_GATEWAY = (gateway: string) =>
  `${gateway} sets cors in @WebSocketGateway(), which is left out: its server is shared, and option ` +
  'corsAllowedOrigins of FlaskSocketModule decides who may connect. Name the origins there.';

/** Follows the application: puts the adapter in place, finds the handlers, opens the server. */
@Injectable()
export class FlaskSocketLifecycle implements OnApplicationBootstrap {
  readonly #adapter: FlaskSocketAdapter;

  constructor(
    @Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime,
    @Inject(HandlerExplorer) private readonly explorer: HandlerExplorer,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
  ) {
    if (application.getIoAdapter() instanceof FlaskSocketAdapter) throw failure('FSK_MODULE_TWICE');
    this.#adapter = new FlaskSocketAdapter(runtime.host, () => runtime.config.options.path);
    application.setIoAdapter(this.#adapter);
  }

  /** Handlers first, then the server: nobody connects before the application listens. */
  async onApplicationBootstrap(): Promise<void> {
    this.#checkAdapter();
    const definitions = this.explorer.explore();
    for (const definition of definitions) this.runtime.registry.add(definition);
    const { messageQueue, host } = this.runtime;
    await messageQueue.open(this.runtime);
    const server = host.open();
    if (messageQueue.adapter) server.adapter(messageQueue.adapter);
    this.runtime.keepAdapters();
    explainUnknownConnections(server);
    this.runtime.giveServer(this.explorer.instances());
    this.runtime.openNamespaces(this.#namespaces());
    this.#report(definitions);
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

  #report(definitions: readonly HandlerDefinition[]): void {
    const { config, engine, logger, originPolicy, messageQueue } = this.runtime;
    const { path, transports, debug } = config.options;
    logger.log(`Socket.IO on ${path}: ${transports.join(' + ')}, engine ${engine.name}, origins: ${originPolicy.describe()}${messageQueue.describe()}`); // prettier-ignore
    for (const gateway of this.explorer.gatewaysWithCors()) logger.warn(CORS_OF_GATEWAY(gateway));
    if (!messageQueue.adapter && isOneOfMany(process.env)) logger.warn(NOT_JOINED);
    if (!debug) return;
    for (const { kind, event, namespace, handler } of definitions) {
      logger.log(`${namespace} ${event ?? kind} → ${handler.place}`);
    }
  }
}

function hasCreateIoServer(adapter: unknown): adapter is object {
  return typeof (adapter as { createIOServer?: unknown } | null | undefined)?.createIOServer === 'function';
}
