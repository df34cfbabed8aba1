import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { FlaskSocketModule, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { ask, bootError, startApp } from '../support/app.js';
import { root } from '../support/repository.js';

@SocketGateway()
class EchoGateway {
  @OnEvent('echo')
  echo(data: unknown) {
    return data;
  }
}

const providers = [EchoGateway];

/** Stands in for eiows, which is built for the Node that it is installed with: ws, and a count of what it served. */
const STAND_IN = `
  const { WebSocketServer } = require(${JSON.stringify(`${root}node_modules/ws`)});
  exports.served = 0;
  exports.Server = class extends WebSocketServer {
    handleUpgrade(...upgrade) {
      exports.served++;
      super.handleUpgrade(...upgrade);
    }
  };
`;
const BROKEN = `throw new Error('built for another version of Node');`;

/** The application whose main script this is has eiows installed. Returns the file of the package. */
function installEiows(code: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-flask-socket-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const place = join(folder, 'node_modules/eiows');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'index.js'), code);
  mainScript(join(folder, 'dist/main.js'));
  return join(place, 'index.js');
}

function mainScript(path: string): void {
  const [, before] = process.argv;
  process.argv[1] = path;
  onTestFinished(() => void (process.argv[1] = before!));
}

describe('the WebSocket engine', () => {
  let eiows: string;

  describe('where eiows is not installed', () => {
    it('R2 is ws, and the boot log says so', async () => {
      const { app, log } = await startApp();
      expect(app.get(SocketIO).asyncMode).toBe('ws');
      expect(log.of('log')[0]).toMatch(/, engine ws,/);
    });

    it('R2 fails the boot if it is to be eiows: with the engines and the install command', async () => {
      const error = await bootError({ options: { asyncMode: 'eiows' } });
      expect(error.code).toBe('FSK_MISSING_PACKAGE');
      expect(error.message).toMatch(/"eiows" is not installed.*ws, eiows.*npm install eiows/);
    });
  });

  describe('where the application has eiows installed', () => {
    beforeEach(() => {
      eiows = installEiows(STAND_IN);
    });

    it.each([undefined, 'eiows'] as const)('R2 is eiows (asyncMode: %s)', async (asyncMode) => {
      const running = await startApp({ providers, options: { asyncMode } });
      const client = await running.connect();
      expect(await ask(client, 'echo', 1)).toEqual([1]);
      const { served } = (await import(eiows)) as { served: number };
      expect([running.get(SocketIO).asyncMode, served]).toEqual(['eiows', 1]);
      expect(running.log.of('log')[0]).toMatch(/, engine eiows,/);
      expect(running.log.of('warn')).toEqual([]);
    });

    it('R2 is ws if asyncMode says so', async () => {
      const running = await startApp({ providers, options: { asyncMode: 'ws' } });
      await running.connect();
      const { served } = (await import(eiows)) as { served: number };
      expect([running.get(SocketIO).asyncMode, served]).toEqual(['ws', 0]);
    });

    it('R2 Q3 leaves test clients in the process to ws: they have no TCP socket', async () => {
      @Module({ imports: [FlaskSocketModule.forRoot({ logger: false })], providers })
      class AppModule {}
      const app = await NestFactory.create(AppModule, { logger: false });
      onTestFinished(() => app.close());
      const client = await createTestClient(app);
      expect(await client.call('echo', 1)).toBe(1);
      const { served } = (await import(eiows)) as { served: number };
      expect([app.get(SocketIO).asyncMode, served]).toEqual(['eiows', 0]);
    });
  });

  describe('where an eiows is installed that cannot be loaded', () => {
    beforeEach(() => {
      eiows = installEiows(BROKEN);
    });

    it('R2 is ws, with one line that warns', async () => {
      const running = await startApp({ providers });
      const client = await running.connect();
      expect(await ask(client, 'echo', 1)).toEqual([1]);
      expect(running.get(SocketIO).asyncMode).toBe('ws');
      expect(running.log.of('warn')).toEqual([
        expect.stringMatching(/eiows .*ws .*another version of Node$/),
      ]);
    });

    it('R2 fails the boot with the cause if it is to be eiows', async () => {
      const error = await bootError({ options: { asyncMode: 'eiows' } });
      expect(error.code).toBe('FSK_BROKEN_ENGINE');
      expect(error.message).toMatch(/"eiows" .*npm install eiows.*: ws/);
      expect(error.cause).toMatchObject({ message: 'built for another version of Node' });
    });
  });

  it('R2 is a class of the application in server.wsEngine, before any other, and is called custom', async () => {
    installEiows(STAND_IN);
    let served = 0;
    class OwnServer extends WebSocketServer {
      override handleUpgrade(...upgrade: Parameters<WebSocketServer['handleUpgrade']>) {
        served++;
        super.handleUpgrade(...upgrade);
      }
    }
    const server = { wsEngine: OwnServer as never };
    const running = await startApp({ providers, options: { asyncMode: 'ws', server } });
    const client = await running.connect();
    expect(await ask(client, 'echo', 1)).toEqual([1]);
    expect([running.get(SocketIO).asyncMode, served]).toEqual(['custom', 1]);
    expect(running.log.of('log')[0]).toMatch(/, engine custom,/);
  });

  it('R2 R3 is named before there is a server, too', async () => {
    @Module({ imports: [FlaskSocketModule.forRoot({ logger: false })] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false });
    onTestFinished(() => app.close());
    expect(app.get(SocketIO).asyncMode).toBe('ws');
  });
});
