import { Client } from './client.js';
import { measured, type Load } from './measured.js';

interface Question {
  port: number;
  count: number;
  atOnce: number;
}

/** Clients that connect and leave, several at a time. */
export async function cycles({ port, count, atOnce }: Question): Promise<Load> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const client = await Client.connect(port);
      await client.leave();
    }
  };
  return await measured((finish) => {
    void Promise.all(Array.from({ length: atOnce }, worker)).then(() => finish(count));
  });
}
