import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { Module, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import * as ours from 'nestjs-flask-socket';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, bootError, startApp } from '../support/app.js';
import { root } from '../support/repository.js';

/** A second copy of the package, as a library of a monorepo may bring it. */
let folder: string;
let theirs: typeof ours;

beforeAll(async () => {
  folder = mkdtempSync(`${root}test/copy-`);
  cpSync(`${root}tsconfig.json`, `${folder}/tsconfig.json`);
  cpSync(`${root}lib`, `${folder}/lib`, { recursive: true });
  theirs = (await import(/* @vite-ignore */ `${folder}/lib/index.ts`)) as typeof ours;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function theirGateway(): Type {
  class LibraryGateway {
    echo(value: unknown) {
      return value;
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(LibraryGateway.prototype, 'echo')!;
  theirs.OnEvent('echo')(LibraryGateway.prototype, 'echo', descriptor);
  theirs.SocketGateway()(LibraryGateway);
  return LibraryGateway;
}

const bothPlaces = () => [`${root}lib/`, `${folder}/lib/`];

function expectBoth(error: Error & { code?: string }) {
  expect(error.code).toBe('FSK_TWO_COPIES');
  for (const place of bothPlaces()) expect(error.message).toContain(place);
  expect(error.message).toContain('npm ls nestjs-flask-socket');
}

describe('two copies of the package in one process', () => {
  it('I6 a gateway that the other one decorated fails the boot, which names both places', async () => {
    const error = await bootError({ providers: [theirGateway()] });
    expectBoth(error);
    expect(error.message).toContain('LibraryGateway');
  });

  it.each(['useFactory', 'useValue'] as const)('I6 so does one by %s', async (way) => {
    const Gateway = theirGateway();
    const provider =
      way === 'useValue'
        ? { useValue: new Gateway() as object }
        : { useFactory: () => new Gateway() as object };
    expectBoth(await bootError({ providers: [{ provide: 'LIBRARY', ...provider }] }));
  });

  it('I6 so does loading it lazily', async () => {
    @Module({ providers: [theirGateway()] })
    class LibraryModule {}
    const running = await startApp();
    const error = (await running
      .get(LazyModuleLoader)
      .load(() => LibraryModule)
      .catch((reason: unknown) => reason)) as Error;
    expectBoth(error);
  });

  it('I1 the modules of both in one application fail the boot', async () => {
    const error = await bootError({ imports: [theirs.FlaskSocketModule.forRoot({ logger: false })] });
    expectBoth(error);
  });

  it('B6 emit() of the other one in a handler says so', async () => {
    const errors: unknown[] = [];
    class Gateway {
      @ours.OnEvent('speak')
      speak() {
        theirs.emit('news');
      }

      @ours.OnError()
      failed(error: unknown) {
        errors.push(error);
      }
    }
    const running = await startApp({ providers: [Gateway] });
    await ask(await running.connect(), 'speak');
    expectBoth(errors[0] as Error);
  });

  it('B6 outside of handlers it says what it says without a second copy', () => {
    expect(() => theirs.emit('news')).toThrow(expect.objectContaining({ code: 'FSK_NO_CONTEXT' }));
  });

  it('I1 applications that keep to one each know nothing of each other', async () => {
    const log: string[] = [];
    const logger = { log: () => {}, error: () => {}, warn: (line: string) => void log.push(line) };
    await startApp({
      module: theirs.FlaskSocketModule.forRoot({ logger }),
      providers: [theirGateway()],
    });
    class Gateway {
      @ours.OnEvent('echo')
      echo(value: unknown) {
        return value;
      }
    }
    const running = await startApp({ providers: [Gateway] });
    expect(await ask(await running.connect(), 'echo', 1)).toEqual([1]);
    expect([...log, ...running.log.of('warn')]).toEqual([]);
  });
});
