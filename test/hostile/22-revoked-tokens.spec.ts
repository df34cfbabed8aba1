import {
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { expect, it, vi } from 'vitest';
import { ask, connected, next, refusal, startApp, type RunningApp } from '../support/app.js';
import { expectNoFaults } from '../support/faults.js';
import { note } from './arena/arena.js';

expectNoFaults();

@SocketGateway()
class AccountGateway {
  @OnEvent('write')
  write(value: unknown) {
    session['draft'] = value;
  }

  @OnEvent('read')
  read() {
    return { recovered: request.recovered, draft: session['draft'] as unknown };
  }

  @OnEvent('throw')
  throw() {
    throw new Error(`failed for ${request.sid}`);
  }
}

/** A server whose middleware knows tokens, until they are revoked; and what a client knows that has gone. */
async function start(connectionStateRecovery: FlaskSocketOptions['connectionStateRecovery']) {
  const revoked = new Set<unknown>();
  const app = await startApp({
    providers: [AccountGateway],
    options: { connectionStateRecovery, debug: true },
  });
  const { server } = app.get(SocketIO);
  server.use((socket, pass) => {
    pass(revoked.has(socket.handshake.auth['token']) ? new Error('unauthorized') : undefined);
  });
  const client = await app.connect('/', { auth: { token: 'Ann' } });
  const first = next(client, 'first');
  app.get(SocketIO).emit('first');
  await first;
  await ask(client, 'write', 'of Ann');
  await ask(client, 'throw');
  client.emit('nobody handles this');
  await server.sockets.sockets.get(client.id!)!.join('lobby');
  const { _pid: pid, _lastOffset: offset } = client as unknown as { _pid: string; _lastOffset: string }; // typed private
  const { id: sid } = client;
  const secrets = [client.io.engine.id!, pid];
  client.io.engine.close();
  await vi.waitUntil(() => server.sockets.sockets.size === 0, { timeout: 10_000, interval: 10 });
  app.get(SocketIO).emit('news', 'for Ann', { to: 'lobby' });
  return { app, revoked, secrets, sid, known: { pid, offset, token: 'Ann' } };
}

/** A client that knows all that one knew that was here before. */
function comeBack(app: RunningApp, auth: object, heard: unknown[]): Socket {
  const client = app.open('/', { transports: ['websocket'], auth });
  client.on('news', (value: unknown) => heard.push(value));
  return client;
}

it('N4 a token that was revoked meanwhile brings nothing back; no log line has the sid of an engine or a private id', async () => {
  const { app, revoked, secrets, known } = await start(true);
  const heard: unknown[] = [];
  revoked.add('Ann');

  const client = comeBack(app, known, heard);
  const { message } = await refusal(client);
  secrets.push(client.io.engine.id!);

  const rooms = [...app.get(SocketIO).server.sockets.adapter.rooms.keys()];
  const lines = app.log.lines.filter(({ text }) => secrets.some((id) => text.includes(id)));
  note(22, 'revoked token', {
    restored: heard.length + rooms.length,
    'log lines': app.log.lines.length,
    'with the sid of an engine or a private id': lines.length,
  });
  expect([message, client.connected, heard, rooms]).toEqual(['unauthorized', false, [], []]);
  expect(app.log.lines.some(({ text }) => text.includes('nobody handles this'))).toBe(true);
  expect(lines).toEqual([]);
});

it('N4 a token that is still good brings all back', async () => {
  const { app, known, sid } = await start(true);
  const heard: unknown[] = [];

  const client = comeBack(app, known, heard);
  await connected(client);

  expect(await ask(client, 'read')).toEqual([{ recovered: true, draft: 'of Ann' }]);
  expect([client.id === sid, heard]).toEqual([true, ['for Ann']]);
});

it('N4 a token that was revoked meanwhile brings all back where middlewares are skipped', async () => {
  const { app, revoked, known } = await start({ skipMiddlewares: true });
  const heard: unknown[] = [];
  revoked.add('Ann');

  const client = comeBack(app, known, heard);
  await connected(client);

  const answer = await ask(client, 'read');
  note(22, 'middlewares skipped', {
    restored: answer.filter((value) => (value as { recovered: boolean }).recovered).length,
  });
  expect(answer).toEqual([{ recovered: true, draft: 'of Ann' }]);
});
