// Clients that mean no harm, in a process of their own: each sends an event, waits for its acknowledgement, and measures.
import { setTimeout as delay } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';

/** How long acknowledgements took, in milliseconds, since the last report. */
export interface Report {
  count: number;
  p50: number;
  p99: number;
  max: number;
  /** Broadcasts that came, and numbers that were left out between them. */
  news: number;
  missed: number;
  /** Whether a client was disconnected. */
  disconnects: number;
}

const [url, clients, interval] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
let times: number[] = [];
let [news, missed, disconnects] = [0, 0, 0];

async function open(index: number): Promise<Socket> {
  const transports = index % 2 ? ['websocket'] : ['polling'];
  const socket = io(url, { transports, forceNew: true, reconnection: false });
  let last: number | undefined;
  socket.on('news', (number: number) => {
    news++;
    if (last !== undefined) missed += number - last - 1;
    last = number;
  });
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  socket.on('disconnect', () => disconnects++);
  return socket;
}

async function askAgainAndAgain(socket: Socket): Promise<void> {
  while (socket.connected) {
    const started = performance.now();
    await socket
      .timeout(10_000)
      .emitWithAck('echo', started)
      .catch(() => {});
    times.push(performance.now() - started);
    await delay(interval);
  }
}

function report(): Report {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const result = { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1), news, missed, disconnects };
  times = [];
  [news, missed, disconnects] = [0, 0, 0];
  return result;
}

for (let index = 0; index < clients; index++) void askAgainAndAgain(await open(index));
process.on('message', () => process.send!(report()));
process.send!('ready');
