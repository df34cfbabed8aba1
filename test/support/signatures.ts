import type { Example } from './examples.js';

/** What the names mean that stand in the tables. */
const PRELUDE = [
  `import * as everything from 'nestjs-flask-socket';`,
  `import { AsyncResource } from 'node:async_hooks';`,
  `import { createEmitter } from 'nestjs-flask-socket/emitter';`,
  `import { createTestClient, type TestClient } from 'nestjs-flask-socket/testing';`,
  `import type { INestApplication, ModuleMetadata } from '@nestjs/common';`,
  `import { SocketIO, type EmitOptions } from 'nestjs-flask-socket';`,
  'const { args, call, closeRoom, currentApp, disconnect, emit, g, joinRoom, leaveRoom, request, rooms, run, send, session, user } = everything;',
  'const { Args, AuthenticatedOnly, ConnectionRefusedError, CurrentUser, FlaskSocketModule, Namespace, OnConnect } = everything;',
  'const { OnDisconnect, OnError, OnErrorDefault, OnEvent, Sid, SocketGateway } = everything;',
  'declare const socketio: SocketIO; declare const app: INestApplication; declare const client: TestClient;',
  'declare const AppModule: new () => object; declare const Service: new () => object; declare class ChatGateway {}',
  'declare const room: string, sid: string, namespace: string, event: string, text: string, host: string, port: number;',
  'declare const id: number; declare const data: { any: string }; declare const values: [string, number];',
  'declare const handler: (...values: unknown[]) => unknown, ack: typeof handler;',
  'declare const fn: (first: string, second: number) => Promise<void>; declare const task: { cancel(): void };',
  'declare const a: unknown, b: unknown, c: unknown; declare const imports: [], inject: [];',
  'declare const useFactory: () => object; declare const useClass: undefined, useExisting: undefined;',
  'declare const messageQueue: string; declare const gateway: { join(room: string): void };',
].join(' ');

/** The tables with signatures, by their heads, and the column that they stand in. */
const TABLES = [
  { head: /^\| Flask-SocketIO +\| here +\|$/, column: 2 },
  { head: /^\| A test client +\|/, column: 1 },
];

/** The signatures in such tables: each a program of its own. */
export function signaturesIn(path: string, text: string): Example[] {
  let table: (typeof TABLES)[number] | undefined;
  return text.split('\n').flatMap((row, index) => {
    table = row.startsWith('|') ? (table ?? TABLES.find(({ head }) => head.test(row))) : undefined;
    const cell = table ? row.split('|')[table.column]! : '';
    return [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, span]) => {
      const code = programOf(span!);
      return code ? [{ path, line: index - 1, code: `${PRELUDE}\n${code}` }] : [];
    });
  });
}

/** What stands in a table, where it may stand. What is left out with a `…` cannot be compiled. */
function programOf(span: string): string | undefined {
  if (span.includes('…')) return undefined;
  if (/^@\w+\([^()]*\)$/.test(span)) return `${span.slice(1)};`;
  if (/^@.* class \w+$/.test(span)) return `{ ${span} {} }`;
  if (/^(@\w+\(.*\) \w+|constructor)\(.*\)$/.test(span)) return `class Any { ${span} {} }`;
  if (/^\{ .* \}$/.test(span)) return `const options: EmitOptions = ${span};`;
  if (/^(imports|providers): /.test(span)) return `const module: ModuleMetadata = { ${span} };`;
  if (/^\w+: /.test(span)) return `FlaskSocketModule.forRoot({ ${span} });`;
  if (/^[\w.]+\.\w+$|\(.*\)$/.test(span)) return `async function any() { ${span}; }`;
  return undefined;
}
