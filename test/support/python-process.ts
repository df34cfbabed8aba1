import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { Journal } from './journal.js';
import { root } from './repository.js';

const PYTHON = '/usr/bin/python3';

/** Whether the installed python-socketio writes messages as it does since 5.15.1: bytes apart, in JSON. */
const WRITES_JSON = `
import socketio, simple_websocket, redis, kombu, json
written = []
class Manager(socketio.PubSubManager):
    def _publish(self, message): written.append(json.dumps(message))
try:
    manager = Manager(write_only=True)
    manager._handle_emit = lambda message: None
except TypeError:
    raise SystemExit(1)
manager.emit("event", b"bytes")
assert json.loads(written[0])["binary"] is True
`;

/** Why the tests with a Python process of today are skipped; nothing if they need not be. */
export const noPythonOfToday =
  spawnSync(PYTHON, ['-c', WRITES_JSON]).status === 0
    ? undefined
    : 'python-socketio 5.15.1 or later is not installed for /usr/bin/python3';

interface Report {
  id?: number;
  result?: unknown;
  error?: string;
  ready?: number | null;
  callback?: number;
  values?: unknown[];
  left?: string;
}

/** A process of `test/parity/fleet.py`. */
export class PythonProcess {
  readonly #reports = new Journal<Report>();
  #orders = 0;
  #complaints = '';

  private constructor(private readonly child: ChildProcess) {
    createInterface(child.stdout!).on('line', (line) => this.#reports.add(JSON.parse(line) as Report));
    child.stderr!.on('data', (text: Buffer) => (this.#complaints += text.toString()));
  }

  /** A server with clients, or a process that only emits. */
  static async start(role: 'server' | 'emitter', queue: { url: string; channel: string }) {
    const child = spawn(PYTHON, [`${root}test/parity/fleet.py`, queue.url, queue.channel, role]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const python = new PythonProcess(child);
    const ended = once(child, 'close').then(() => {
      throw new Error(`The Python process ended:\n${python.#complaints}`);
    });
    const isReady = python.#reports.find((report) => report.ready !== undefined);
    const { ready } = await Promise.race([isReady, ended]);
    ended.catch(() => {});
    return Object.assign(python, { url: `http://127.0.0.1:${ready}` });
  }

  /** Calls a method of python-socketio's server, or of its manager in a process that only emits. */
  async do(method: string, values: unknown[] = [], keywords: object = {}): Promise<unknown> {
    const { id } = this.#order(method, values, keywords);
    const { result, error } = await this.#reports.find((report) => report.id === id);
    if (error) throw new Error(`Python raised ${error}:\n${this.#complaints}`);
    return result;
  }

  /** Emits with a callback, and resolves with what that was called with. */
  async emitForCallback(event: string, data: unknown, keywords: object): Promise<unknown[] | undefined> {
    const { id } = this.#order('emit', [event, data], { ...keywords, callback: true });
    return (await this.#reports.find(({ callback }) => callback === id)).values;
  }

  /** Resolves when the disconnect handler has been called for a client. */
  async left(sid: string): Promise<void> {
    await this.#reports.find(({ left }) => left === sid);
  }

  #order(method: string, values: unknown[], keywords: object): { id: number } {
    const id = ++this.#orders;
    this.child.stdin!.write(`${JSON.stringify({ id, method, arguments: values, keywords })}\n`);
    return { id };
  }
}
