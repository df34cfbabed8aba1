import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a server is started, and what it is called. */
export interface ServerKind {
  title: string;
  command(flags: string[]): string[];
  isThere(): boolean;
}

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const python = '/usr/bin/python3';

function node(name: string, title: string): ServerKind {
  return {
    title,
    command: (flags) => [process.execPath, ...flags, file(`servers/${name}.js`)],
    isThere: () => true,
  };
}

/** The folder of another checkout that is to be measured, too. */
const against = () => process.env['BENCH_AGAINST'];

/** What is compared, in the order of the tables. The first one is what the others are compared with. */
export const SERVERS = {
  bare: node('bare', 'socket.io'),
  nest: node('nest', 'Nest gateway'),
  'nest-staged': node('nest-staged', 'Nest gateway, with guard, pipe and interceptor'),
  'nest-scoped': node('nest-scoped', 'Nest gateway, request-scoped'),
  ours: node('ours', 'nestjs-flask-socket'),
  /** Ours with `limits: false`. */
  'ours-unlimited': {
    title: '… without limits',
    command: (flags) => [process.execPath, ...flags, file('servers/ours.js'), 'unlimited'],
    isThere: () => true,
  },
  /** The one of another checkout, whose folder `--against` names. */
  against: {
    title: 'nestjs-flask-socket, the other checkout',
    command: (flags) => [process.execPath, ...flags, join(against()!, 'bench/.dist/servers/ours.js')],
    isThere: () => against() !== undefined,
  },
  'ours-staged': node('ours-staged', '… with guard, pipe and interceptor'),
  'ours-scoped-1': node('ours-scoped-1', '… request-scoped, one scoped provider'),
  'ours-scoped-3': node('ours-scoped-3', '… request-scoped, three scoped providers'),
  flask: {
    title: 'Flask-SocketIO on gevent',
    command: () => [python, file('../servers/flask-gevent.py')],
    isThere: () => spawnSync(python, ['-c', 'import flask_socketio, geventwebsocket']).status === 0,
  },
} satisfies Record<string, ServerKind>;

export type ServerName = keyof typeof SERVERS;

export const EVERYTHING = Object.keys(SERVERS) as ServerName[];
