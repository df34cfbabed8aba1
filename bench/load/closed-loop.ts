import { frame, type Client } from './client.js';
import { Checker, DATA } from './data.js';
import { measured, type Load } from './measured.js';
import { clientsOf, type OnPool } from './pools.js';

interface Question extends OnPool {
  event: 'echo' | 'reply';
  inFlight: number;
  milliseconds: number;
}

/** Every client keeps so many events on their way: each answer is followed by the next event. */
export async function closedLoop({ event, inFlight, milliseconds, ...on }: Question): Promise<Load> {
  const exchanges = Array.from({ length: inFlight }, (_, id) => exchange(event, id));
  return await measured((finish) => {
    const clients = clientsOf(on);
    const until = performance.now() + milliseconds;
    const checker = new Checker();
    let left = clients.length * inFlight;
    const ended = (events: number) => {
      left -= events;
      if (left === 0) finish(checker.count);
    };
    for (const client of clients) keepBusy(client, exchanges, { until, checker, ended });
  });
}

interface Exchange {
  request: Buffer;
  answer: string;
}

function exchange(event: 'echo' | 'reply', id: number): Exchange {
  return event === 'echo'
    ? { request: frame(`42${id}["echo",${DATA}]`), answer: `43${id}[${DATA}]` }
    : { request: frame(`42["reply",${DATA}]`), answer: `42["reply",${DATA}]` };
}

const DIGITS = { from: '0'.charCodeAt(0), to: '9'.charCodeAt(0) };

/** Where a message has its one digit of an id: `430[…]`. */
function idOf(data: Buffer, start: number): number {
  const byte = data[start + 2]!;
  return byte >= DIGITS.from && byte <= DIGITS.to ? byte - DIGITS.from : 0;
}

function keepBusy(
  client: Client,
  exchanges: readonly Exchange[],
  { until, checker, ended }: { until: number; checker: Checker; ended: (events: number) => void },
): void {
  const next: Buffer[] = [];
  client.receive = (data, span) => {
    const { request, answer } = exchanges[idOf(data, span.start)]!;
    checker.check(data, span, answer);
    next.push(request);
  };
  client.received = () => {
    if (performance.now() < until) client.write(...next);
    else ended(next.length);
    next.length = 0;
  };
  client.write(...exchanges.map(({ request }) => request));
}
