// Run by test-client-network.spec.ts with `node --test`, against the built package: plain JavaScript, no decorators.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { args, emit, FlaskSocketModule, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';

class EchoGateway {
  echo(...values) {
    emit('echo', args(...values));
    return args(...values);
  }
}
OnEvent('echo')(
  EchoGateway.prototype,
  'echo',
  Object.getOwnPropertyDescriptor(EchoGateway.prototype, 'echo'),
);
SocketGateway()(EchoGateway);

class AppModule {}
Module({ imports: [FlaskSocketModule.forRoot({ logger: false })], providers: [EchoGateway] })(AppModule);

let app;
before(async () => {
  app = await NestFactory.create(AppModule, { logger: false });
});
after(() => app.close());

void test('a test client is answered', async () => {
  const client = await createTestClient(app);
  assert.deepEqual(await client.call('echo', args(1, 2)), [1, 2]);
  assert.deepEqual(client.getReceived(), [{ name: 'echo', args: [1, 2], namespace: '/' }]);
});

void test('a test client that is never closed keeps nothing alive', async () => {
  const client = await createTestClient(app);
  assert.equal(client.isConnected(), true);
});
