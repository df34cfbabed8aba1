// How many tests a second the test client allows: npm run bench:test-client
import 'reflect-metadata';
import { availableParallelism } from 'node:os';
import { Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { emit, FlaskSocketModule, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';

const SECONDS = 4;

@SocketGateway()
class EchoGateway {
  @OnEvent('my event')
  handle(data: object) {
    emit('my response', data);
  }
}

@Module({ imports: [FlaskSocketModule.forRoot({ logger: false })], providers: [EchoGateway] })
class AppModule {}

const createApp = () => NestFactory.create(AppModule, { logger: false });

/** A test: a client connects, emits, receives what was emitted, and goes. */
async function test(app: INestApplication): Promise<void> {
  const client = await createTestClient(app);
  await client.emit('my event', { data: 'Hello' });
  if (client.getReceived().length !== 1) throw new Error('The client has received nothing.');
  await client.close();
}

async function testWithApp(): Promise<void> {
  const app = await createApp();
  await test(app);
  await app.close();
}

/** How often something can be done in a second, one after the other, after a second of warming up. */
async function perSecond(run: () => Promise<void>): Promise<number> {
  await repeat(run, 1);
  return (await repeat(run, SECONDS)) / SECONDS;
}

async function repeat(run: () => Promise<void>, seconds: number): Promise<number> {
  let times = 0;
  for (const end = performance.now() + seconds * 1_000; performance.now() < end; times++) await run();
  return times;
}

function report(what: string, rate: number): void {
  console.log(`${what}: ${Math.round(rate)} tests per second, ${(1_000 / rate).toFixed(2)} ms each`);
}

const app = await createApp();
console.log(`Node ${process.version}, ${availableParallelism()} cores`);
report('One application for all tests', await perSecond(() => test(app)));
report('An application for each test', await perSecond(testWithApp));
await app.close();
