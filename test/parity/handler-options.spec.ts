import { Scope } from '@nestjs/common';
import { OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, flushed, startApp } from '../support/app.js';

/** Handlers that wait, all of them serial; where the options stand is what differs. */
@SocketGateway('/own')
class SerialGateway {
  readonly started: unknown[] = [];
  readonly doors: (() => void)[] = [];

  @OnEvent('after both names', '/own', { ordering: 'serial' })
  @OnEvent('after the event', { ordering: 'serial' })
  wait(value: unknown) {
    this.started.push(value);
    return new Promise<void>((resolve) => this.doors.push(resolve));
  }

  @OnEvent(undefined, { ordering: 'serial' })
  'after no name'(value: unknown) {
    return this.wait(value);
  }

  @OnEvent({ ordering: 'serial' })
  alone(value: unknown) {
    return this.wait(value);
  }
}

/** One for each event, in `/`. */
@SocketGateway({ scope: Scope.REQUEST })
class ScopedGateway {
  static instances = 0;
  readonly instance = ++ScopedGateway.instances;

  @OnEvent('instance')
  tell() {
    return this.instance;
  }
}

describe('the options of a decorator', () => {
  it.each(['after both names', 'after the event', 'after no name', 'alone'])(
    'N2 may stand %s',
    async (event) => {
      const { started, doors, client } = await serial();

      const answers = [ask(client, event, 1), ask(client, event, 2)];
      await flushed(client);
      const before = [...started];
      doors[0]!();
      await answers[0];
      await flushed(client);
      doors[1]!();
      await answers[1];

      expect({ before, after: started }).toEqual({ before: [1], after: [1, 2] });
    },
  );

  it('I8 N2 may stand before the namespace of a handler at run time', async () => {
    const { gateway, app, client } = await serial();
    const wait = (value: unknown) => gateway.wait(value);
    app.get(SocketIO).onEvent('with both', wait, '/own', { ordering: 'serial' });
    app.get(SocketIO).onEvent('with options', wait, { ordering: 'serial' });
    const root = await app.connect();

    for (const [caller, event] of [
      [client, 'with both'],
      [root, 'with options'],
    ] as const) {
      void ask(caller, event, `first ${event}`);
      void ask(caller, event, `second ${event}`);
      await flushed(caller);
    }

    expect(gateway.started).toEqual(['first with both', 'first with options']);
  });

  it('V5 K8 may be all that a class says: its namespace is /', async () => {
    const app = await startApp({ providers: [ScopedGateway] });
    const client = await app.connect();

    const [first] = await ask(client, 'instance');
    const [second] = await ask(client, 'instance');

    expect(second).toBe(Number(first) + 1);
  });

  it('V5 of Nest’s @WebSocketGateway() are none of ours', () => {
    const declare = () => SocketGateway({ namespace: '/chat' } as object)(class ChatGateway {});

    expect(declare).toThrow(/FSK_INVALID_NAMESPACE.*ChatGateway/);
  });
});

async function serial() {
  const app = await startApp({ providers: [SerialGateway] });
  const gateway = app.get(SerialGateway);
  return { app, gateway, client: await app.connect('/own'), started: gateway.started, doors: gateway.doors };
}
