import type { Duplex } from 'node:stream';
import { CoalescingServer } from './coalescing-server.js';

type Upgrade = Parameters<CoalescingServer['handleUpgrade']>;

/** A class like `ws.Server`, of an engine that takes TCP sockets away from Node. */
export type NativeServer = new (options: object) => {
  handleUpgrade(...upgrade: Upgrade): void;
  close(): void;
};

/** The native engine's server, which leaves connections that are no TCP (those of test clients) to ws. */
export function overTcp(Native: NativeServer): NativeServer {
  return class extends Native {
    readonly #inProcess: CoalescingServer;

    constructor(options: object) {
      super(options);
      this.#inProcess = new CoalescingServer(options);
    }

    override handleUpgrade(...upgrade: Upgrade): void {
      if (isTcp(upgrade[1])) super.handleUpgrade(...upgrade);
      else this.#inProcess.handleUpgrade(...upgrade);
    }

    override close(): void {
      super.close();
      this.#inProcess.close();
    }
  };
}

/** Node's handle of a socket, which its types do not show, is what a native engine takes. */
function isTcp(socket: Duplex): boolean {
  return (socket as { _handle?: unknown })._handle !== undefined;
}
