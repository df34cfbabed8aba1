import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { WebSocket } from 'ws';

/*
 * Lives of clients without a library, because thousands of them are to cost a test little: each connects, has
 * an event answered, and goes as one that may come back.
 */

/** What a client has to name to come back. */
interface Known {
  pid: string;
  offset: string;
}

const ACKNOWLEDGED = /^43\S*?1\["hello"\]$/;

/** A life over WebSocket; a second one, of the client that comes back, where that is asked for. */
export async function webSocketLife(url: string, namespace: string, comesBack: boolean): Promise<void> {
  const auth = { token: `${Math.random()}` };
  const known = await oneConnection(url, namespace, auth);
  if (comesBack) await oneConnection(url, namespace, { ...auth, ...known });
}

async function oneConnection(url: string, namespace: string, auth: object): Promise<Known> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const prefix = namespace === '/' ? '' : `${namespace},`;
  const known: Known = { pid: '', offset: '' };
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('The server has closed a connection.')));
    socket.on('message', (data: Buffer) => {
      const packet = data.toString();
      if (packet.startsWith('0')) socket.send(`40${prefix}${JSON.stringify(auth)}`);
      else if (packet === '2') socket.send('3');
      else if (packet.startsWith('44')) reject(new Error(`A client is refused: ${packet}`));
      else if (packet.startsWith('42')) known.offset = (parse(packet) as string[]).at(-1)!;
      else if (packet.startsWith('40')) {
        known.pid = (parse(packet) as { pid: string }).pid;
        socket.send(`42${prefix}1["echo","hello"]`);
      } else if (ACKNOWLEDGED.test(packet)) resolve();
    });
  });
  socket.removeAllListeners('close');
  socket.close();
  await once(socket, 'close');
  return known;
}

/** What a packet carries. */
function parse(packet: string): unknown {
  return JSON.parse(packet.slice(packet.search(/[[{]/)));
}

const agent = new Agent({ keepAlive: true });

/** A life over HTTP long-polling, to its last request. */
export async function pollingLife(url: string, namespace: string): Promise<void> {
  const path = `${url}/socket.io/?EIO=4&transport=polling`;
  const prefix = namespace === '/' ? '' : `${namespace},`;
  const { sid } = parse(await exchange(path)) as { sid: string };
  const own = `${path}&sid=${sid}`;
  await exchange(own, `40${prefix}{"token":"${Math.random()}"}`);
  await pollUntil(own, (packet) => packet.startsWith('40'));
  await exchange(own, `42${prefix}1["echo","hello"]`);
  await pollUntil(own, (packet) => ACKNOWLEDGED.test(packet));
  await exchange(own, '1');
}

async function pollUntil(path: string, isIt: (packet: string) => boolean): Promise<void> {
  const packets = (await exchange(path)).split('\x1e');
  if (!packets.some(isIt)) await pollUntil(path, isIt);
}

/** A request: a POST if something is sent. */
function exchange(path: string, sent?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const method = sent === undefined ? 'GET' : 'POST';
    const asked = request(path, { method, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${method} is answered with ${response.statusCode}: ${body}`));
      });
    });
    asked.on('error', reject).end(sent);
  });
}
