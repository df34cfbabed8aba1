import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { answer, say } from '../harness/lines.js';
import { cpu } from '../harness/serve.js';

/** As many messages as an application may want to send in one turn. */
const AT_ONCE = 20;

export const DATA = { id: 4711, name: 'a message', text: 'x'.repeat(60), tags: ['one', 'two'] };

/** Answers for a server that speaks to the clients of all processes. */
export async function serveSpeaker(server: HttpServer, emit: () => void): Promise<void> {
  say({ port: (server.address() as AddressInfo).port });
  await answer({
    cpu: () => ({ cpu: cpu() }),
    async speak({ count }: { count: number }) {
      for (let spoken = 0; spoken < count; spoken++) {
        emit();
        if (spoken % AT_ONCE === AT_ONCE - 1) await nextTurn();
      }
      return {};
    },
  });
}
