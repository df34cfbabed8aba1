import { inspect } from 'node:util';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { OnConnect, OnDisconnect, OnEvent, Reason, SocketGateway } from 'nestjs-flask-socket';
import type { ManagerOptions } from 'socket.io-client';
import * as msgpackParser from 'socket.io-msgpack-parser';
import { describe, expect, it } from 'vitest';
import { startApp } from '../support/app.js';
import { expectNoFaults } from '../support/faults.js';
import { note } from './arena/arena.js';

expectNoFaults();

/** What a framework can take for an event, an error, its own answer, or nothing. */
const VALUES: unknown[] = [
  { event: 'disconnect' },
  { event: 'x' },
  { event: 'x', data: 1 },
  { event: 'disconnect', data: { event: 'connect' } },
  { status: 'error', message: 'x' },
  { type: 'Buffer', data: [1] },
  JSON.parse('{"then":1}'),
  { _placeholder: true, num: 0 },
  0,
  -0,
  null,
  undefined,
  '',
  false,
  Number.NaN,
  [],
  {},
  [[]],
  [null],
  [[], {}],
  { a: {} },
  { '': [[{}]] },
];

@SocketGateway()
class EchoGateway {
  readonly met: string[] = [];

  @OnConnect()
  connect() {
    this.met.push('connect');
  }

  @OnEvent('echo')
  echo(value: unknown) {
    return value;
  }

  @OnEvent('echo later')
  async echoLater(value: unknown) {
    return value;
  }

  @OnDisconnect()
  disconnect(@Reason() reason: string) {
    this.met.push(`disconnect: ${reason}`);
  }
}

@WebSocketGateway({ namespace: '/nest' })
class NestGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() value: unknown) {
    return value;
  }
}

const NOTHING = Symbol('nothing');

describe.each(['default', 'msgpack'] as const)('an echo, by %s', (serializer) => {
  async function echoes(namespace: string, event: string, patience: number) {
    const app = await startApp({ providers: [EchoGateway, NestGateway], options: { serializer } });
    const parser = (serializer === 'msgpack' ? { parser: msgpackParser } : {}) as Partial<ManagerOptions>;
    const client = await app.connect(namespace, parser);
    const answers = VALUES.map((value) =>
      client
        .timeout(patience)
        .emitWithAck(event, value)
        .catch(() => NOTHING),
    );
    return { app, client, answers: (await Promise.all(answers)) as unknown[] };
  }

  /** What a value is on the other side: JSON knows no undefined and no NaN, and neither knows -0. */
  const sent = (value: unknown): unknown => {
    if (serializer === 'default') return (JSON.parse(JSON.stringify([value])) as unknown[])[0];
    return value === 0 ? 0 : value;
  };

  it.each(['echo', 'echo later'])('V6 acknowledges odd values unchanged, each (%s)', async (event) => {
    const { app, client, answers } = await echoes('/', event, 10_000);

    const changed = VALUES.filter((value, index) => inspect(sent(value)) !== inspect(answers[index]));
    note(6, `'${event}' of ${VALUES.length} odd values, ${serializer}`, {
      'no answer': answers.filter((answer) => answer === NOTHING).length,
      changed: changed.length,
    });
    expect(changed.map((value) => inspect(value))).toEqual([]);
    expect([client.connected, app.log.of('error')]).toEqual([true, []]);
    expect(app.get(EchoGateway).met).toEqual(['connect']);
  });

  it('V6 is left unanswered here and there by a gateway of Nest alone', async () => {
    const { answers } = await echoes('/nest', 'echo', 500);

    const unanswered = VALUES.filter((_, index) => answers[index] === NOTHING);
    note(6, `Nest's own gateway, ${serializer}`, { 'no answer': unanswered.length });
    expect(unanswered).toContain(null);
  });
});
