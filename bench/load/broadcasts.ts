import { frame } from './client.js';
import { Checker, DATA } from './data.js';
import { measured, type Load } from './measured.js';
import { clientsOf, type OnPool } from './pools.js';

interface Question extends OnPool {
  inFlight: number;
  milliseconds: number;
}

/** One client keeps so many broadcasts on their way, and all clients receive them. Counts deliveries. */
export async function broadcasts({ inFlight, milliseconds, ...on }: Question): Promise<Load> {
  const request = frame(`42["broadcast",${DATA}]`);
  const expected = `42["news",${DATA}]`;
  return await measured((finish) => {
    const clients = clientsOf(on);
    const [sender] = clients;
    const until = performance.now() + milliseconds;
    const checker = new Checker();
    let sent = inFlight;
    const received = () => checker.count === sent * clients.length && finish(checker.count);
    for (const client of clients) {
      client.receive = (data, span) => checker.check(data, span, expected);
      client.received = received;
    }
    const next: Buffer[] = [];
    sender.receive = (data, span) => {
      checker.check(data, span, expected);
      if (performance.now() < until) next.push(request);
    };
    sender.received = () => {
      sent += next.length;
      sender.write(...next);
      next.length = 0;
      received();
    };
    sender.write(...Array.from({ length: inFlight }, () => request));
  });
}
