import type { Duplex } from 'node:stream';
import { failureFrom } from '../common/errors.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import { requirePackages, findPackage, loadPackage } from '../common/optional-package.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown } from '../common/printable.js';
import { CoalescingServer } from './coalescing-server.js';

/** The WebSocket server that engine.io is given (its option `wsEngine`). */
export interface Engine {
  /** `ws`, `eiows`, or `custom` for a class of the application. */
  readonly name: string;
  /** The class; engine.io creates the instance. */
  readonly Server: unknown;
}

const WS: Engine = { name: 'ws', Server: CoalescingServer };

/** The engine that the options name, or else the fastest that is installed: eiows, then ws (promise R2). */
export function chooseEngine({ asyncMode, server }: ResolvedOptions, logger: FlaskSocketLogger): Engine {
  if (server?.wsEngine !== undefined) return { name: 'custom', Server: server.wsEngine };
  if (asyncMode === 'ws') return WS;
  if (asyncMode === undefined) return detected(logger);
  requirePackages(['eiows'], "asyncMode: 'eiows' (the engines are ws, eiows)");
  return eiows();
}

function detected(logger: FlaskSocketLogger): Engine {
  if (findPackage('eiows') === undefined) return WS;
  try {
    return eiows();
  } catch (error) {
    const [why] = describeThrown((error as Error).cause).split('\n', 1);
    logger.warn(`eiows is installed, but cannot be loaded, so ws is used instead: ${why}`);
    return WS;
  }
}

/** eiows is compiled for one version of Node, and fails to load in another. */
function eiows(): Engine {
  try {
    const { Server } = loadPackage('eiows') as { Server: EiowsServer };
    return { name: 'eiows', Server: withWsFallback(Server) };
  } catch (cause) {
    throw failureFrom(cause, 'FSK_BROKEN_ENGINE', 'eiows', 'ws');
  }
}

type Upgrade = Parameters<CoalescingServer['handleUpgrade']>;

/** The server class of eiows, which takes TCP sockets away from Node. */
type EiowsServer = new (options: object) => {
  handleUpgrade(...upgrade: Upgrade): void;
  close(): void;
};

/** eiows for TCP sockets, and ws for the in-process streams of test clients, which eiows cannot serve. */
function withWsFallback(Native: EiowsServer): EiowsServer {
  return class extends Native {
    readonly #ws: CoalescingServer;

    constructor(options: object) {
      super(options);
      this.#ws = new CoalescingServer(options);
    }

    override handleUpgrade(...upgrade: Upgrade): void {
      if (isTcp(upgrade[1])) super.handleUpgrade(...upgrade);
      else this.#ws.handleUpgrade(...upgrade);
    }

    override close(): void {
      super.close();
      this.#ws.close();
    }
  };
}

/** eiows needs the `_handle` of a TCP socket, which Node's types do not have. */
function isTcp(socket: Duplex): boolean {
  return (socket as { _handle?: unknown })._handle !== undefined;
}
