import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What is run, and how one sees that it is ready. */
export interface Program {
  command: [file: string, ...args: string[]];
  env?: NodeJS.ProcessEnv;
  /** Nothing is said on this port before the program is ready… */
  port: number;
  /** …and what is written to it must be answered, where connecting alone proves nothing. */
  hello?: string | Buffer;
  answer?: RegExp;
  /** The signal that asks it to end properly. */
  stop?: NodeJS.Signals;
}

const TO_BE_READY = 60_000;

/** A real server, that tests can treat as fate does. */
export class ServerProcess {
  #child: ChildProcess | undefined;
  #output = '';

  constructor(private readonly program: Program) {}

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const [file, ...args] = this.program.command;
    const env = { ...process.env, ...this.program.env };
    // In a group of its own, so that a signal reaches what it starts itself.
    this.#child = spawn(file, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    outliveNobody('process', this.#child.pid);
    const keep = (text: Buffer) => (this.#output = (this.#output + text).slice(-4_000));
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.on('data', keep);
    const deadline = Date.now() + TO_BE_READY;
    while (!(await answers(this.program))) {
      if (this.#child.exitCode !== null || Date.now() > deadline)
        throw new Error(`${file} did not start:\n${this.#output}`);
      await delay(25);
    }
  }

  /** Asks it to end, as an operator does. */
  stop(): Promise<void> {
    return this.#end(this.program.stop ?? 'SIGTERM');
  }

  /** Ends it as a crash does. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** It hangs: connections stay, nothing is answered. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    this.resume();
    if (signal === 'SIGKILL') this.#signal(signal);
    else child.kill(signal); // it is its own to tell the others
    const late = setTimeout(() => this.#signal('SIGKILL'), 10_000);
    await ended;
    clearTimeout(late);
    this.#signal('SIGKILL'); // what it left behind
    outliveNobody('ended', child.pid);
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#child?.pid) return;
    // What it started may have left its group.
    for (const pid of [-this.#child.pid, ...descendants(this.#child.pid)]) send(pid, signal);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

function descendants(pid: number): number[] {
  const list = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = list.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const childrenOf = (parent: number): number[] =>
    pairs.flatMap(([child, of]) => (of === parent ? [child!, ...childrenOf(child!)] : []));
  return childrenOf(pid);
}

/** Whether the program answers on its port. */
function answers({ port, hello, answer = /(?:)/ }: Program): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isReady: boolean) => {
      resolve(isReady);
      socket.destroy();
    };
    socket.setTimeout(1_000, () => end(false));
    socket.on('error', () => end(false)).on('close', () => end(false));
    socket.on('connect', () => (hello === undefined ? end(true) : socket.write(hello)));
    socket.on('data', (bytes) => end(answer.test(bytes.toString('latin1'))));
  });
}

const taken = new Set<number>();

/** A port that nobody listens on, and that no other test of this file was given. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  if (taken.has(port)) return freePort();
  taken.add(port);
  return port;
}

/** A folder that goes with the process. */
export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `flask-socket-${name}-`));
  outliveNobody('folder', folder);
  return folder;
}

/** Makes a folder empty. */
export function wipe(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
}

/** Reads what there is, and when this process has ended, in whatever way, ends and removes it. */
const caretaker = `
  while read -r kind what; do
    case $kind in
      process) processes="$processes -$what " ;;
      ended) processes=$(echo "$processes" | sed "s/ *-$what / /") ;;
      folder) folders="$folders $what" ;;
    esac
  done
  [ -z "$processes" ] || kill -s KILL -- $processes
  [ -z "$folders" ] || rm -rf -- $folders
`;
let caretakerInput: NodeJS.WritableStream | undefined;

function outliveNobody(kind: 'process' | 'ended' | 'folder', what: string | number | undefined): void {
  if (!caretakerInput) {
    const child = spawn('sh', ['-c', caretaker], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    child.unref();
    (child.stdin as Socket).unref();
    caretakerInput = child.stdin;
  }
  if (what !== undefined) caretakerInput.write(`${kind} ${what}\n`);
}
