import {
  args,
  call,
  emit,
  FlaskSocketModule,
  OnConnect,
  OnEvent,
  send,
  SocketGateway,
} from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { Test } from '@nestjs/testing';
import { expect, it, onTestFinished } from 'vitest';

@SocketGateway()
class EchoGateway {
  @OnConnect('/closed')
  closed() {
    return false;
  }

  @OnEvent('my event')
  handle(data: unknown) {
    emit('my response', data);
    return args('one', 2);
  }

  @OnEvent('message')
  message(text: string) {
    send(text);
  }

  @OnEvent('ask')
  async ask() {
    return call('question', 6);
  }
}

async function client(options = {}) {
  const module = await Test.createTestingModule({
    imports: [FlaskSocketModule.forRoot({ logger: false })],
    providers: [EchoGateway],
  }).compile();
  const app = module.createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  return createTestClient(app, options);
}

it('Q3 sends and receives without a port', async () => {
  const one = await client();
  await one.emit('my event', { data: 'Hello' });
  await one.send('text');
  expect(one.getReceived()).toEqual([
    { name: 'my response', args: [{ data: 'Hello' }], namespace: '/' },
    { name: 'message', args: 'text', namespace: '/' },
  ]);
  expect(await one.emit('my event', 1, { callback: true })).toEqual(['one', 2]);
  one.on('question', (value: number) => value * 7);
  expect(await one.call('ask')).toBe(42);
  await one.close();
});

it('Q3 says why a client was refused', async () => {
  const one = await client({ namespace: '/closed' });
  expect(one.isConnected()).toBe(false);
  expect(one.refusal()).toEqual({ message: 'Connection rejected by server' });
});

it('Q3 says why a handshake was refused', async () => {
  const one = await client({ headers: { origin: 'http://evil.example' } });
  expect(one.refusal()).toEqual({ message: 'Origin not allowed' });
});
