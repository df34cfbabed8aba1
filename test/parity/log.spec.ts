import {
  BadRequestException,
  Catch,
  HttpException,
  Scope,
  UseFilters,
  UsePipes,
  type ExceptionFilter,
  type PipeTransform,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { WsException } from '@nestjs/websockets';
import { OnConnect, OnDisconnect, OnEvent, SocketGateway, SocketIO, emit } from 'nestjs-flask-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, connected, next, startApp, type RunningApp } from '../support/app.js';

const SAFE = { status: 'error', message: 'Internal server error' };

/** Nothing of a test reaches the console, where lines go that no logger takes. */
const quiet = () => {
  const console_ = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => console_.mockRestore());
  return console_;
};

describe('what reaches the log', () => {
  describe('a logger that fails', () => {
    const fail = () => {
      throw new Error('disk full');
    };
    const reject = () => Promise.reject(new Error('disk full'));

    @SocketGateway()
    class EveryLineGateway {
      @OnConnect('/refused')
      refuse() {
        throw new Error('broken');
      }

      @OnEvent('x')
      fail() {
        throw new Error('broken');
      }

      @OnEvent('mistake')
      mistake() {
        throw new WsException('no');
      }

      @OnEvent('callback')
      callback() {
        emit('question', 'data', {
          callback: () => {
            throw new Error('broken');
          },
        });
      }

      @OnDisconnect()
      left() {
        throw new Error('broken');
      }
    }

    it.each([
      ['throws', fail],
      ['rejects', reject],
    ])('X5 that %s changes nothing for clients and the process', async (_, write) => {
      const complained = quiet();
      const logger = { log: write, error: write, warn: write, debug: write };
      const app = await startApp({ providers: [EveryLineGateway], options: { logger, debug: true } });
      app
        .get(SocketIO)
        .server.of('/refused')
        .use(() => fail());
      const client = await app.connect();
      const leaver = await app.connect();
      const question = next(client, 'question');

      void app.get(SocketIO).startBackgroundTask(() => fail());
      client.emit('callback');
      client.emit('no such event', () => {});
      const [, answer] = await question;
      (answer as () => void)();
      leaver.disconnect();
      await connected(app.open('/refused')).catch(() => {});
      const answers = [await ask(client, 'x'), await ask(client, 'mistake')];

      expect({ answers, connected: client.connected, lines: complained.mock.calls.length > 5 }).toEqual({
        answers: [[SAFE], [{ status: 'error', message: 'no' }]],
        connected: true,
        lines: true,
      });
    });
  });

  describe('a client’s mistake', () => {
    class Validation implements PipeTransform {
      transform(): never {
        throw new BadRequestException(['a must be a string']);
      }
    }

    @SocketGateway()
    class StrictGateway {
      @UsePipes(Validation)
      @OnEvent('invalid')
      invalid(_data: unknown) {}

      @OnEvent('words')
      words() {
        throw new WsException('no seats');
      }

      @OnEvent('gone')
      gone() {
        throw new HttpException('gone', 410);
      }

      @OnEvent('broken')
      broken() {
        throw new HttpException('no database', 503);
      }
    }

    it.each([
      [
        'invalid',
        /^Refused 'invalid' of '\/', sid \S+ \(StrictGateway\.invalid\): BadRequestException: [^\n]+$/,
      ],
      ['words', /^Refused 'words' of '\/', sid \S+ \(StrictGateway\.words\): WsException: no seats$/],
      ['gone', /^Refused 'gone' of '\/', sid \S+ \(StrictGateway\.gone\): HttpException: gone$/],
    ])('X5 is one line at debug, with the exception’s name: %s', async (event, line) => {
      const app = await startApp({ providers: [StrictGateway] });
      app.log.lines.length = 0;

      await ask(await app.connect(), event, 1);

      expect(app.log.lines).toEqual([{ level: 'debug', text: expect.stringMatching(line) }]);
    });

    it('X5 what is the server’s fault keeps its stack, whatever its class', async () => {
      const app = await startApp({ providers: [StrictGateway] });

      await ask(await app.connect(), 'broken');

      expect(app.log.of('error')).toEqual([expect.stringMatching(/HttpException: no database\n *at /)]);
    });

    it('X5 at connect, the client gets all of the words, as data', async () => {
      @SocketGateway()
      class FullGateway {
        @OnConnect()
        connect() {
          throw new WsException({ code: 'ROOM_FULL', message: 'full' });
        }
      }
      const app = await startApp({ providers: [FullGateway] });

      const refused = await connected(app.open()).catch((error: Error & { data?: unknown }) => error);

      expect(refused).toMatchObject({
        message: 'full',
        data: { status: 'error', code: 'ROOM_FULL', message: 'full' },
      });
    });
  });

  describe('a flood', () => {
    const flood = async (app: RunningApp, text: string) => {
      const client = await app.connect();
      for (let index = 0; index < 300; index++) client.emit('x', `${index} ${text}`);
      await ask(client, 'x', text);
    };

    it('X5 of errors fills no log: ten lines of a place, then their number', async () => {
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail(text: string) {
          throw new Error(text);
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });

      await flood(app, 'y'.repeat(10_000));
      await app.app.close();

      const lines = app.log.of('error');
      expect({ count: lines.length, last: lines.at(-1), size: lines.join('').length < 50_000 }).toEqual({
        count: 11,
        last: expect.stringMatching(/^291 more like it in the last minute\. Error in 'x' of '\/', sid/),
        size: true,
      });
    });

    it('X5 hides no other error of the same place', async () => {
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail(text: string) {
          if (text === 'other') throw new TypeError('other');
          throw new RangeError(text);
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      await flood(app, 'usual');

      await ask(await app.connect(), 'x', 'other');

      expect(app.log.of('error').at(-1)).toMatch(/TypeError: other/);
    });
  });

  describe('an error handler that fails', () => {
    it('X5 cannot hide the first error by its class: filters are found by what made them', async () => {
      @Catch(RangeError)
      class RangeFilter implements ExceptionFilter {
        catch() {
          return 'range';
        }
      }
      @SocketGateway()
      class ThrowingGateway {
        @OnEvent('x')
        fail(kind: string) {
          throw kind === 'range' ? new RangeError('x') : new TypeError('x');
        }
      }
      const app = await startApp({
        providers: [
          ThrowingGateway,
          { provide: APP_FILTER, scope: Scope.REQUEST, useFactory: () => new RangeFilter() },
        ],
      });
      const client = await app.connect();

      const answers = [await ask(client, 'x', 'range'), await ask(client, 'x', 'type')];

      expect(answers).toEqual([['range'], [SAFE]]);
    });

    it('X5 and whose own error cannot be described leaves both in the log', async () => {
      const hostile = new Proxy(new Error('second'), {
        getPrototypeOf() {
          throw new Error('no');
        },
        get() {
          throw new Error('no');
        },
      });
      @Catch()
      class BrokenFilter implements ExceptionFilter {
        catch() {
          throw hostile;
        }
      }
      @UseFilters(BrokenFilter)
      @SocketGateway()
      class BrokenGateway {
        @OnEvent('x')
        fail() {
          throw new RangeError('first');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });

      const answer = await ask(await app.connect(), 'x');

      expect({ answer, lines: app.log.of('error') }).toEqual({
        answer: [SAFE],
        lines: [
          expect.stringContaining('RangeError: first'),
          expect.stringContaining('a value that is no Error'),
        ],
      });
    });
  });
});
