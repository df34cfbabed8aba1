import { io, type Socket } from 'socket.io-client';

/** A client on each server, in one room; prints what each hears, and what they are asked. */
export async function chat(urls: readonly string[], print: (line: string) => void): Promise<void> {
  const clients = await Promise.all(urls.map((url, index) => enter(url, `client ${index + 1}`, print)));
  const [first] = clients;
  await Promise.all(clients.map((client) => arrived(client, urls.length)));
  first!.emit('say', { room: 'lobby', text: 'Hello, all processes' });
  print(`in the room: ${((await first!.emitWithAck('who', 'lobby')) as string[]).length} clients`);
  const question = { room: 'lobby', question: 'How are you?' };
  print(`they answer: ${((await first!.emitWithAck('poll', question)) as string[]).join(', ')}`);
  for (const client of clients) client.disconnect();
}

async function enter(url: string, name: string, print: (line: string) => void): Promise<Socket> {
  const client = io(`${url}/chat`);
  client.on('said', ({ text, process }) => print(`${name} hears "${text}" from process ${process}`));
  client.on('question', (_question: string, answer: (text: string) => void) => answer(`fine, says ${name}`));
  client.emit('join', 'lobby');
  return client;
}

/** Asks until everybody is in the room. */
async function arrived(client: Socket, count: number): Promise<void> {
  const members = (await client.emitWithAck('who', 'lobby')) as string[];
  if (members.length < count) await arrived(client, count);
}

if (process.argv[1] === import.meta.filename) await chat(process.argv.slice(2), console.log);
