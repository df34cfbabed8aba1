import { AsyncLocalStorage } from 'node:async_hooks';
import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { OnConnect, OnDisconnect, OnEvent, request, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { finalize, NEVER, Observable, of, startWith } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ask, flushed, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

const passing = UseInterceptors({ intercept: (_, handler) => handler.handle() });

/** Handlers whose streams never end by themselves, and what became of them. */
class Streams {
  readonly steps = new Journal();
  readonly gate = new Gate();

  endless(): Observable<unknown> {
    return NEVER.pipe(
      startWith('first'),
      finalize(() => this.steps.add('let go')),
    );
  }

  async later() {
    await Promise.resolve();
    return this.endless();
  }

  async tooLate() {
    this.steps.add('started');
    await this.gate.opened;
    this.steps.add('not too late');
    return this.endless();
  }

  async *generator() {
    try {
      for (;;) {
        yield 'value';
        await new Promise(setImmediate);
      }
    } finally {
      this.steps.add('let go');
    }
  }
}

@SocketGateway()
class EndlessGateway extends Streams {
  @OnEvent('stream')
  stream() {
    return this.endless();
  }

  @OnEvent('promise')
  promise() {
    return this.later();
  }

  @OnEvent('generator')
  values() {
    return this.generator();
  }

  @OnEvent('intercepted stream')
  @passing
  interceptedStream() {
    return this.endless();
  }

  @OnEvent('intercepted promise')
  @passing
  interceptedPromise() {
    return this.later();
  }

  @OnEvent('intercepted generator')
  @passing
  interceptedValues() {
    return this.generator();
  }

  @OnDisconnect()
  left() {
    this.steps.add('left');
  }
}

describe('a stream of a handler', () => {
  it.each(['stream', 'promise', 'generator'].flatMap((form) => [form, `intercepted ${form}`]))(
    'V6 that does not end is let go when its client leaves, as with Nest: %s',
    async (event) => {
      const running = await startApp({ providers: [EndlessGateway] });
      const { steps } = running.get(EndlessGateway);
      const client = await running.connect();
      client.emit(event, () => {});
      await flushed(client);
      client.disconnect();
      await steps.has('let go');
      expect((await steps.has('left')).toSorted()).toEqual(['left', 'let go']);
      expect(running.log.of('error')).toEqual([]);
    },
  );

  it("V6 that does not end is let go by Nest's own gateways, too", async () => {
    @WebSocketGateway()
    class NestGateway extends Streams {
      @SubscribeMessage('stream')
      stream() {
        return this.endless();
      }
    }
    const running = await startApp({ providers: [NestGateway] });
    const client = await running.connect();
    client.emit('stream', () => {});
    await flushed(client);
    client.disconnect();
    expect(await running.get(NestGateway).steps.reached(1)).toEqual(['let go']);
  });

  it.each(['late', 'intercepted late'])(
    'V6 that comes when its client has left is not begun: %s',
    async (event) => {
      @SocketGateway()
      class LateGateway extends Streams {
        @OnEvent('late')
        late() {
          return this.tooLate();
        }

        @OnEvent('intercepted late')
        @passing
        interceptedLate() {
          return this.tooLate();
        }

        @OnDisconnect()
        left() {
          this.steps.add('left');
        }
      }
      const running = await startApp({ providers: [LateGateway] });
      const { steps, gate } = running.get(LateGateway);
      const client = await running.connect();
      client.emit(event, () => {});
      await steps.has('started');
      client.disconnect();
      await steps.has('left');
      gate.open();
      await running.get(SocketIO).stop();
      expect(steps.entries).toEqual(['started', 'left', 'not too late']);
    },
  );

  it('V6 N2 that was let go keeps no later event waiting', async () => {
    @SocketGateway()
    class SerialGateway extends Streams {
      @OnEvent('stream', '/', { ordering: 'serial' })
      stream() {
        return this.endless();
      }

      @OnEvent('next', '/other', { ordering: 'serial' })
      next() {
        return 'handled';
      }
    }
    const running = await startApp({ providers: [SerialGateway] });
    const client = await running.connect();
    const other = await running.also(client, '/other');
    client.emit('stream');
    const answer = ask(other, 'next');
    await flushed(client);
    client.disconnect();
    expect(await answer).toEqual(['handled']);
  });

  it('K4 C7 tidies up in the context of its event, and what fails then keeps nobody from leaving', async () => {
    const tenant = new AsyncLocalStorage<string>();
    @SocketGateway()
    class FailingGateway {
      readonly steps = new Journal();

      @OnEvent('stream')
      stream() {
        tenant.enterWith('tenant 7');
        return NEVER.pipe(
          finalize(() => {
            this.steps.add(`${request.event.message} of ${tenant.getStore()}`);
            throw new Error('cannot tidy up');
          }),
        );
      }

      @OnDisconnect()
      left() {
        this.steps.add('left');
      }
    }
    const running = await startApp({ providers: [FailingGateway] });
    const client = await running.connect();
    client.emit('stream');
    await flushed(client);
    client.disconnect();
    const { steps } = running.get(FailingGateway);
    expect(await steps.reached(2)).toEqual(['stream of tenant 7', 'left']);
    expect(running.log.of('error').join()).toMatch(
      /^Error at the end of a stream of 'stream'.*cannot tidy up/,
    );
  });

  it('C2 C7 of @OnConnect() ends with its client, and one of @OnDisconnect() is waited for', async () => {
    @SocketGateway()
    class HookGateway {
      readonly steps = new Journal();

      @OnConnect()
      connect() {
        this.steps.add('asked');
        return of(true);
      }

      @OnDisconnect()
      left() {
        return new Observable((subscriber) => {
          setImmediate(() => {
            this.steps.add('tidied up');
            subscriber.complete();
          });
        });
      }
    }
    const running = await startApp({ providers: [HookGateway] });
    await running.connect();
    await running.get(SocketIO).stop();
    expect(running.get(HookGateway).steps.entries).toEqual(['asked', 'tidied up']);
  });
});
