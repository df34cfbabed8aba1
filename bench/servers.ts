import { spawnSync } from 'node:child_process';
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

/** What is compared, in the order of the tables. The first one is what the others are compared with. */
export const SERVERS = {
  bare: node('bare', 'socket.io'),
  nest: node('nest', 'Nest gateway'),
  'nest-staged': node('nest-staged', 'Nest gateway, with guard, pipe and interceptor'),
  'nest-scoped': node('nest-scoped', 'Nest gateway, request-scoped'),
  ours: node('ours', 'nestjs-flask-socket'),
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
