import { Inject, Injectable, Scope } from '@nestjs/common';
import {
  OnEvent,
  Session,
  SocketGateway,
  SocketRequest,
  SocketSession,
  request,
  session,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, flushed } from '../support/app.js';
import { Gate } from '../support/journal.js';
import { startSessions, type Data } from '../support/session-app.js';

const WARNING = (place: string, key: string) =>
  expect.stringMatching(new RegExp(`^${place} wrote '?"?${key}'?"? to its session after it had ended`));

/** Writes what an event has begun and does not wait for. */
@Injectable({ scope: Scope.REQUEST })
class Later {
  constructor(
    @Inject(SocketRequest) private readonly event: SocketRequest,
    @Inject(SocketSession) private readonly data: SocketSession,
  ) {}

  write() {
    this.data['injected'] = 1;
    this.event.session['requested'] = 1;
  }

  onEventEnd() {
    this.data['hook'] = true;
  }
}

@SocketGateway('/late')
class LateGateway {
  readonly gate = new Gate();
  readonly written: Promise<unknown>[] = [];

  #later(write: () => void) {
    this.written.push(this.gate.opened.then(write));
  }

  @OnEvent('imported')
  imported() {
    session['before'] = 1;
    this.#later(() => (session['late'] = 1));
  }

  @OnEvent('of the request')
  async ofTheRequest() {
    await Promise.resolve();
    const mine = request.session;
    this.#later(() => (mine['late'] = 1));
  }

  @OnEvent('parameter')
  parameter(@Session() data: Data) {
    this.#later(() => delete data['name']);
  }

  @OnEvent('deep')
  deep() {
    session['list'] = [];
    this.#later(() => (session['list'] as number[]).push(1));
  }

  @OnEvent('failing')
  failing() {
    this.#later(() => (session['late'] = 1));
    throw new Error('as it was told');
  }

  @OnEvent('in time')
  async inTime() {
    await Promise.resolve();
    session['inTime'] = true;
  }
}

@SocketGateway('/scoped')
class ScopedGateway {
  static readonly gate = new Gate();
  static written: Promise<unknown> | undefined;

  constructor(@Inject(Later) private readonly later: Later) {}

  @OnEvent('scoped')
  scoped() {
    ScopedGateway.written = ScopedGateway.gate.opened.then(() => this.later.write());
  }
}

async function started(options: { manageSession: boolean }) {
  const { app, browser } = await startSessions({ options, providers: [LateGateway, Later, ScopedGateway] });
  await browser.get('set/name/anna');
  const client = await browser.connect('/late');
  return { app, browser, client, gateway: app.get(LateGateway), warnings: () => app.log.of('warn') };
}

describe('a write to a session whose handler has ended (manageSession: false)', () => {
  it.each([
    ['imported', 'imported', 'late'],
    ['of the request', 'ofTheRequest', 'late'],
    ['parameter', 'parameter', 'name'],
    ['deep', 'deep', '0'],
    ['failing', 'failing', 'late'],
  ])('K6 is warned of once for each handler: %s', async (event, method, key) => {
    const { gateway, client, warnings } = await started({ manageSession: false });

    await ask(client, event);
    await ask(client, event);
    await flushed(client);
    const before = warnings();
    gateway.gate.open();
    await Promise.all(gateway.written);

    expect({ before, after: warnings() }).toEqual({
      before: [],
      after: [WARNING(`LateGateway.${method}`, key)],
    });
  });

  it('K6 K8 is warned of in request-scoped providers, whose onEventEnd() still writes', async () => {
    const { browser, warnings } = await started({ manageSession: false });
    const client = await browser.connect('/scoped');

    await ask(client, 'scoped');
    await flushed(client);
    ScopedGateway.gate.open();
    await ScopedGateway.written;

    expect(warnings()).toEqual([WARNING('ScopedGateway.scoped', 'injected')]);
    await expect.poll(() => browser.get('all')).toEqual({ name: 'anna', hook: true });
  });

  it('K6 is none while the handler runs', async () => {
    const { browser, client, warnings } = await started({ manageSession: false });

    await ask(client, 'in time');

    expect(await browser.get('all')).toEqual({ name: 'anna', inTime: true });
    expect(warnings()).toEqual([]);
  });

  it('K5 is kept where the session is a copy', async () => {
    const { gateway, client, warnings } = await started({ manageSession: true });

    await ask(client, 'imported');
    gateway.gate.open();
    await Promise.all(gateway.written);

    expect(warnings()).toEqual([]);
  });
});
