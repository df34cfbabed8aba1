import { createServer, request } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../support/app.js';
import { note } from './arena/arena.js';

type Headers = Record<string, string>;

const EVIL = 'https://evil.example';
const COOKIE = { cookie: 'session=of-the-victim' };

const FOREIGN: Headers[] = [
  { origin: EVIL },
  { origin: 'null' },
  { origin: 'HTTPS://EVIL.EXAMPLE' },
  { origin: `${EVIL}:443` },
  { host: 'app.example:8080', origin: 'http://app.example:8081' },
  { host: 'app.example', origin: 'https://app.example' },
  { host: 'app.example', origin: 'http://app.example.evil.example' },
  { host: '[2001:db8::1]:8080', origin: 'http://[2001:db8::2]:8080' },
  { origin: EVIL, 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
  { origin: EVIL, forwarded: 'host=evil.example;proto=https', 'x-forwarded-for': '127.0.0.1' },
];

const OWN: Headers[] = [
  {},
  { host: 'app.example', origin: 'http://app.example' },
  { host: 'app.example:80', origin: 'HTTP://APP.EXAMPLE' },
  { host: 'App.Example:8080', origin: 'http://app.example:8080' },
  { host: '[2001:db8::1]:8080', origin: 'http://[2001:DB8::1]:8080' },
];

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** The status with which a handshake is answered. */
function statusOf(port: number, transport: string, headers: Headers): Promise<number> {
  const path = `/socket.io/?EIO=4&transport=${transport}`;
  const upgrade = transport === 'websocket' ? UPGRADE : {};
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path,
      headers: { ...COOKIE, ...upgrade, ...headers },
      agent: false,
    });
    asked.once('error', reject);
    asked.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    asked.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.end();
  });
}

/** The port of Socket.IO alone. */
async function bare(): Promise<number> {
  const http = createServer();
  const server = new Server(http);
  onTestFinished(() => server.close());
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return (http.address() as AddressInfo).port;
}

describe.each([
  ['polling', 200],
  ['websocket', 101],
])('a page of another origin, by %s', (transport, accepted) => {
  const statuses = async (port: number, cases: Headers[]) => {
    const result: number[] = [];
    for (const headers of cases) result.push(await statusOf(port, transport, headers));
    return result;
  };
  const letIn = (all: number[]) => all.filter((status) => status === accepted).length;

  it('N1 is refused with the cookies of its visitor, and the own page is let in', async () => {
    const { port } = await startApp();
    const foreign = await statuses(port, FOREIGN);
    const own = await statuses(port, OWN);
    note(20, transport, { 'foreign, of 10, let in': letIn(foreign), 'own, of 5, let in': letIn(own) });

    expect(foreign.every((status) => status >= 400 && status < 500)).toBe(true);
    expect(letIn(own)).toBe(OWN.length);
  });

  it.each([
    [
      "with corsAllowedOrigins: '*'",
      async () => (await startApp({ options: { corsAllowedOrigins: '*' } })).port,
    ],
    ['by Socket.IO alone', bare],
  ])('N1 is let in %s', async (name, start) => {
    const foreign = await statuses(await start(), FOREIGN);
    note(20, `${transport} ${name}`, { 'foreign let in': letIn(foreign) });

    expect(letIn(foreign)).toBe(FOREIGN.length);
  });
});
