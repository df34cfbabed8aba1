import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { resolveLimits } from '../../../lib/common/limits.js';
import { LimitReports } from '../../../lib/connection/limits/limit-reports.js';
import { OversizedMessages, Receiver } from '../../../lib/connection/packet-receiver.js';
import { connectionTo, executorOf, keptLog, registryOf, turns } from '../../support/units.js';

async function receiving() {
  const log = keptLog();
  const connected = await connectionTo();
  const { connection, socket } = connected;
  const executor = executorOf(registryOf(), log);
  const limits = new LimitReports({ limits: () => resolveLimits(), logger: log, executor });
  const receiver = new Receiver({
    executor,
    logger: log,
    limits,
    uncheckedLength: () => 100,
    rate: () => undefined,
  });
  const events: unknown[][] = [];
  socket.onAny((...event) => void events.push(event));
  const take = (data: unknown[], more: object = {}) =>
    receiver.receive({ connection, packet: { type: 2, data, ...more } });
  return { ...connected, take, events, log, limits };
}

describe('the receiver of packets', () => {
  it('hands each to its socket, in their order', async () => {
    const { take, events } = await receiving();
    take(['one', 1]);
    take(['two']);
    await turns();

    expect(events).toEqual([['one', 1], ['two']]);
  });

  it('drops those of a client that has gone meanwhile', async () => {
    const { take, events, socket } = await receiving();
    take(['one']);
    socket.disconnect();
    await turns();

    expect(events).toEqual([]);
  });

  it('L7 refuses one that holds too much: the client hears why, and stays', async () => {
    const { take, events, wire, socket, log, limits } = await receiving();
    take(['big'], { id: 7, problem: { message: 'Too many items', limit: 'payloadKeys' } });
    await turns();
    const told = '{"status":"error","message":"Too many items"}';

    expect([events, wire.received]).toEqual([[], [`2["exception",${told}]`, `37[${told}]`]]);
    expect([socket.connected, log.lines]).toEqual([
      true,
      [expect.stringMatching(/^warn: Too many items, in 'big'.*limits\.payloadKeys: 10000/)],
    ]);
    expect(limits.counts.payloadKeys).toBe(1);
  });

  it('X5 disconnects the client whose packet fails, and the process goes on', async () => {
    const { take, socket, wire, log } = await receiving();
    socket.onAny(() => {
      throw new Error('no');
    });
    take(['one']);
    await turns();

    expect([wire.readyState, log.lines]).toEqual([
      'closed',
      [expect.stringMatching(/^error: A packet failed.*no/s)],
    ]);
  });
});

describe('messages of too many bytes', () => {
  it('are logged with the option, once for all namespaces of their client', async () => {
    const log = keptLog();
    const { socket } = await connectionTo();
    Object.assign(socket.nsp.server, { engine: { opts: { maxHttpBufferSize: 10 } } });
    const large = new OversizedMessages(log);
    const description = Object.assign(new Error('Max payload size exceeded'), { description: 11 });
    large.socketClosed(socket, new Error('another'));
    for (let namespaces = 0; namespaces < 2; namespaces++) large.socketClosed(socket, description);

    expect(log.lines).toEqual([
      expect.stringMatching(/^warn: .*11 bytes, where option maxHttpBufferSize takes 10/),
    ]);
  });

  it('over polling end the connection at once', () => {
    const errors: unknown[][] = [];
    const clients = { a: { transport: { onError: (...values: unknown[]) => void errors.push(values) } } };
    const engine = { clients, handleRequest: () => {} };
    new OversizedMessages(keptLog()).watch({ engine } as never); // what it uses of an engine
    const response = Object.assign(new EventEmitter(), { statusCode: 413 });
    const request = { method: 'POST', _query: { sid: 'a' }, headers: { 'content-length': '11' } };
    engine.handleRequest(...([request, response] as unknown as []));
    response.emit('finish');

    expect(errors).toEqual([['Max payload size exceeded', 11]]);
  });
});
