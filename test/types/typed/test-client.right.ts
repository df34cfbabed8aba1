import { args } from 'nestjs-flask-socket';
import type { ReceivedEvent, TestClient } from 'nestjs-flask-socket/testing';
import { expectTypeOf } from 'vitest';
import './events.js';

declare const client: TestClient;

export async function speaks(): Promise<void> {
  await client.emit('my event', args('first', 2));
  await client.emit('my event', args('first', 2), { namespace: '/chat' });
  await client.send('text', { json: true });
  expectTypeOf(await client.emit('how many', 'apples', { callback: true })).toEqualTypeOf<number>();
  expectTypeOf(await client.call('how many', 'apples')).toEqualTypeOf<number>();
  expectTypeOf(await client.emit('how many', 'apples')).toEqualTypeOf<void>();
}

export async function hears(): Promise<void> {
  expectTypeOf((await client.waitFor('my response')).args).toEqualTypeOf<[data: { data: string }]>();
  expectTypeOf((await client.waitFor('moved')).args).toEqualTypeOf<[x: number, y: number]>();
  expectTypeOf((await client.waitFor('ping')).args).toEqualTypeOf<[]>();
  expectTypeOf((await client.waitFor('message')).args).toEqualTypeOf<unknown>();
  expectTypeOf((await client.waitFor('exception')).args).toEqualTypeOf<unknown[]>();
}

export function tellsApart(event: ReceivedEvent): void {
  if (event.name === 'moved') expectTypeOf(event.args).toEqualTypeOf<[x: number, y: number]>();
}
