import type { INestApplication } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { Test } from '@nestjs/testing';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppModule } from './app.module.js';

describe('a connection with a token', () => {
  let app: INestApplication;
  let tokenOf: (name: string) => string;

  beforeEach(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = module.createNestApplication({ logger: false });
    const jwt = module.get(JwtService, { strict: false });
    tokenOf = (name) => jwt.sign({ sub: name });
  });

  afterEach(async () => {
    vi.useRealTimers();
    await app.close();
  });

  const connect = (token: unknown) => createTestClient(app, { auth: { token } });

  it('belongs to the user of the token', async () => {
    const client = await connect(tokenOf('ann'));

    expect(await client.call('quote')).toBe('A quote for ann');
  });

  it.each([undefined, 7, 'no.token.atall', {}])('is refused for the token %s', async (token) => {
    const client = await connect(token);

    expect(client.refusal()?.message).toBe('The token is invalid or has expired');
  });

  it('ends when the token does', async () => {
    const token = tokenOf('ann');
    vi.useFakeTimers();
    const client = await connect(token);
    await vi.advanceTimersByTimeAsync(20_000);

    expect(await client.waitFor('exception')).toMatchObject({ args: [{ code: 'EXPIRED' }] });
    expect(client.isConnected()).toBe(false);
  });

  it('lasts longer with a newer token', async () => {
    vi.useFakeTimers();
    const client = await connect(tokenOf('ann'));
    await vi.advanceTimersByTimeAsync(15_000);
    await client.call('refresh', tokenOf('ann'));
    await vi.advanceTimersByTimeAsync(15_000);

    expect(await client.call('quote')).toBe('A quote for ann');
  });

  it('takes no token of another user', async () => {
    const client = await connect(tokenOf('ann'));

    expect(await client.call('refresh', tokenOf('bob'))).toMatchObject({ message: 'That is another user' });
  });
});
