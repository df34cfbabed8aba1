import { failureFrom } from '../common/errors.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import { requirePackages, findPackage, loadPackage } from '../common/optional-package.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown } from '../common/printable.js';
import { CoalescingServer } from './coalescing-server.js';
import { overTcp, type NativeServer } from './native-server.js';

/** What serves WebSocket connections. */
export interface Engine {
  /** `ws`, `eiows`, or `custom` for a class of the application. */
  readonly name: string;
  /** The class; engine.io makes one of it. */
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
    logger.warn(`eiows is installed, but cannot be loaded, and ws serves in its place: ${why}`);
    return WS;
  }
}

/** It was built for one version of Node, and fails to load in another. */
function eiows(): Engine {
  try {
    const { Server } = loadPackage('eiows') as { Server: NativeServer };
    return { name: 'eiows', Server: overTcp(Server) };
  } catch (cause) {
    throw failureFrom(cause, 'FSK_BROKEN_ENGINE', 'eiows', 'ws');
  }
}
