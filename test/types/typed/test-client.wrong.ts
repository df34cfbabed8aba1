import { args } from 'nestjs-flask-socket';
import type { TestClient } from 'nestjs-flask-socket/testing';
import './events.js';

declare const client: TestClient;

export async function speaks(): Promise<void> {
  // @ts-expect-error an event that clients do not send
  await client.emit('my response', { data: 'foo' });
  // @ts-expect-error one value instead of two
  await client.emit('my event', 'first');
  // @ts-expect-error a value of another type
  await client.emit('my event', args('first', 'second'));
  // @ts-expect-error an option that does not exist
  await client.emit('my event', args('first', 2), { broadcast: true });
  // @ts-expect-error data of another type
  await client.call('how many', 1);
  // @ts-expect-error an answer of another type
  const answer: string = await client.call('how many', 'apples');
  // @ts-expect-error an answer of another type
  const other: string = await client.emit('how many', 'apples', { callback: true });
  void [answer, other];
}

export async function hears(): Promise<void> {
  // @ts-expect-error an event that the server does not send
  await client.waitFor('my event');
  // @ts-expect-error an event that the server does not send
  client.on('my event', () => 1);
  // @ts-expect-error arguments of another type
  const [x]: [string] = (await client.waitFor('moved')).args;
  void x;
}
