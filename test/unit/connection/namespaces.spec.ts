import type { Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import type { FlaskSocketOptions } from '../../../lib/common/options.js';
import { resolveLimits } from '../../../lib/common/limits.js';
import { resolveOptions } from '../../../lib/common/validate-options.js';
import type { Admission } from '../../../lib/connection/admission.js';
import type { Departure } from '../../../lib/connection/departure.js';
import { Namespaces } from '../../../lib/connection/namespaces.js';
import type { Recovery } from '../../../lib/connection/recovery/recovery.js';
import {
  handlerOf,
  keptLog,
  open,
  portlessServer,
  registryOf,
  runtimeOf,
  turns,
  Wire,
} from '../../support/units.js';

/** A server whose namespaces are ours; every client is admitted, where one is let in at all. */
function installed(options: Partial<FlaskSocketOptions> = {}, ...served: string[]) {
  const log = keptLog();
  const asked: string[] = [];
  const registry = registryOf(
    ...served.map((namespace) => ({
      kind: 'event' as const,
      event: 'order',
      namespace,
      handler: handlerOf(),
    })),
  );
  const admission = {
    admit: ({ nsp }: Socket, done: () => void) => (asked.push(nsp.name), done()),
    connected: () => {},
  };
  const namespaces = new Namespaces({
    registry,
    admission: admission as unknown as Admission, // the two that namespaces ask it
    departure: { disconnectingSockets: new Set() } as unknown as Departure, // likewise
    recovery: { watch: () => {}, window: 0 } as unknown as Recovery, // likewise
    handshakes: { asked: () => {}, left: () => {} },
    receiver: {
      uncheckedLength: 0,
      rate: undefined,
      payloadLimits: resolveLimits(),
      mostNamespaces: 100,
      receive: () => {},
      dropped: () => {},
      connectRefused: () => {},
      failed: () => {},
    },
    limits: runtimeOf(portlessServer()).limits,
    logger: log,
    options: () => resolveOptions(options),
  });
  const server = portlessServer();
  namespaces.install(server);
  const wire = new Wire();
  open(server, wire);
  const ask = async (namespace: string) => {
    wire.send(`0${namespace},`);
    await turns();
    return wire.received.at(-1);
  };
  return { server, namespaces, ask, asked, log, wire };
}

describe('the namespaces of a server', () => {
  it('C5 take clients that something is there for, and make none for others', async () => {
    const { ask, server, asked } = installed({}, '/chat', '/job/:id');
    for (const name of ['/chat', '/job/7']) expect(await ask(name)).toMatch(new RegExp(`^0${name},`));
    const refused = await ask('/job');

    expect([refused, asked]).toEqual(['4/job,{"message":"Invalid namespace"}', ['/chat', '/job/7']]);
    expect([...server._nsps.keys()]).not.toContain('/job');
  });

  it("C5 take all with option namespaces: '*'", async () => {
    const { ask } = installed({ namespaces: '*' });

    expect(await ask('/any')).toMatch(/^0\/any,/);
  });

  it('are open where they are served, named by the option, or made and listened to by the application', () => {
    const { server, namespaces } = installed({ namespaces: ['/named'] }, '/served');
    namespaces.open(server, ['/served', '/named', '/other', '/listened']);
    server.of('/listened').on('connection', () => {});
    server.of('/own');
    const names = ['/served', '/named', '/other', '/listened', '/own'];

    expect(names.map((name) => namespaces.isOpen(server.of(name)))).toEqual([true, true, false, true, true]);
  });

  it('go with their last client where they were opened for one', async () => {
    const { ask, server, wire } = installed({}, '/job/:id');
    await ask('/job/7');
    const during = server._nsps.has('/job/7');
    wire.lose();
    await turns();

    expect([during, server._nsps.has('/job/7')]).toEqual([true, false]);
  });

  it('X4 survive what listeners of the application throw', async () => {
    const { ask, server, log } = installed({}, '/chat');
    server.of('/chat').on('connection', () => {
      throw new Error('no');
    });

    expect(await ask('/chat')).toMatch(/^0\/chat,/);
    expect(log.lines).toEqual([expect.stringMatching(/^error: Error in a listener of 'connection'.*no/s)]);
  });

  it('give gateways the server, a namespace, or all namespaces of a pattern, to speak through', () => {
    const { server, namespaces } = installed();
    const pattern = namespaces.serverFor(server, '/job/:id');

    expect([namespaces.serverFor(server, '/'), namespaces.serverFor(server, '*')]).toEqual([server, server]);
    expect(namespaces.serverFor(server, '/chat')).toBe(server.of('/chat'));
    expect(namespaces.serverFor(server, '/job/:id')).toBe(pattern);
  });
});
