import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppModule } from '../../sample/01-demo/app.module.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const transports = [
  ['by polling, then WebSocket', '', 'websocket'],
  ['by polling only', '?transport=polling', 'polling'],
] as const;

describe.skipIf(!have('chromium'))('the demo page', () => {
  let app: INestApplication;
  let url: string;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
  });

  beforeEach(async () => {
    app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await app.close();
    expectNone(complaints.splice(0));
  });

  afterAll(() => browser?.close());

  /** A tab of its own, as another user has it, once it is connected. */
  async function open(query: string, transport: string): Promise<Page> {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // A client that the server puts out says goodbye, too; by polling that may come too late (400).
      if (!message.location().url.includes('transport=polling')) complaints.push(message.text());
    });
    page.on('response', (answer) => {
      if (answer.status() < 400 || answer.url().includes('transport=polling')) return;
      complaints.push(`${answer.status()} for ${answer.url()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(url)) complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(`${url}/${query}`);
    await page.getByText(`connected · ${transport}`, { exact: true }).waitFor();
    return page;
  }

  describe.each(transports)('%s', (_, query, transport) => {
    const openTab = () => open(query, transport);

    it('greets the client with its sid', async () => {
      const page = await openTab();
      const sid = await page.locator('#sid').innerText();
      expect(sid).toHaveLength(20);
      await expectReceived(page, `my response "Connected as ${sid}"`);
    });

    it('returns an event with both arguments, and acknowledges it with two', async () => {
      const page = await openTab();
      await page.getByLabel('Number').fill('7');
      await press(page, 'Emit');
      await expectReceived(page, 'my response "hello", 7');
      await expectAnswer(page, 'Arguments and acknowledgement', 'ack("one", 2)');
    });

    it('returns text and JSON, and acknowledges them with nothing', async () => {
      const page = await openTab();
      await press(page, 'Send text');
      await expectReceived(page, 'message "plain words"');
      await press(page, 'Send JSON');
      await expectReceived(page, 'json {"data":"plain words"}');
      await expectAnswer(page, 'Text and JSON', 'ack()');
    });

    it('broadcasts to the sender and to everybody else', async () => {
      const [page, other] = await Promise.all([openTab(), openTab()]);
      await press(page, 'Broadcast');
      await expectReceived(page, 'my response "hello, everybody"');
      await expectReceived(other, 'my response "hello, everybody"');
    });

    it('sends to a room what only its members receive', async () => {
      const [page, other] = await Promise.all([openTab(), openTab()]);
      await press(page, 'Join');
      await expectRooms(page, [await sidOf(page), 'lobby']);
      await press(other, 'Send');
      await expectReceived(page, 'my response "hello, lobby"');
      await expectNothingElse(other, 'my response "hello, lobby"');
    });

    it('tells the members of a room who enters and leaves', async () => {
      const [page, other] = await Promise.all([openTab(), openTab()]);
      await press(page, 'Join');
      await expectReceived(page, `message "${await sidOf(page)} has entered lobby."`);
      await press(other, 'Join');
      await expectReceived(page, `message "${await sidOf(other)} has entered lobby."`);
      await press(other, 'Leave');
      await expectReceived(page, `message "${await sidOf(other)} has left lobby."`);
      await expectRooms(other, [await sidOf(other)]);
      await expectNothingElse(other, `${await sidOf(other)} has left lobby.`);
    });

    it('puts everybody out of a room that is closed', async () => {
      const [page, other] = await Promise.all([openTab(), openTab()]);
      await Promise.all([press(page, 'Join'), press(other, 'Join')]);
      await expectRooms(other, [await sidOf(other), 'lobby']);
      await press(page, 'Close');
      await expectReceived(other, 'room closed "lobby"');
      await expectRooms(page, [await sidOf(page)]);
      await expectRooms(other, [await sidOf(other)]);
    });

    it('keeps a session for each connection', async () => {
      const [page, other] = await Promise.all([openTab(), openTab()]);
      await press(page, 'Count');
      await expectAnswer(page, 'Session', 'ack(1)');
      await press(page, 'Count');
      await expectAnswer(page, 'Session', 'ack(2)');
      await press(other, 'Count');
      await expectAnswer(other, 'Session', 'ack(1)');
    });

    it('acknowledges a failed event with what the error handler returns', async () => {
      const page = await openTab();
      await press(page, 'Throw');
      const answer = 'ack({"event":"my error event","error":"This handler always fails."})';
      await expectAnswer(page, 'Errors', answer);
    });

    it('disconnects a client at its request, which may connect again', async () => {
      const page = await openTab();
      const sid = await sidOf(page);
      await press(page, 'Disconnect');
      await expectReceived(page, 'my response "Disconnected!"');
      await page.getByText('disconnected: io server disconnect').waitFor();
      expect(await page.getByRole('button', { name: 'Emit' }).isDisabled()).toBe(true);
      await press(page, 'Reconnect');
      await page.getByText(`connected · ${transport}`, { exact: true }).waitFor();
      expect(await sidOf(page)).not.toBe(sid);
    });

    it('shows how many clients are connected', async () => {
      const page = await openTab();
      await expect.poll(() => page.locator('#clients').innerText()).toBe('1');
      const other = await openTab();
      await expect.poll(() => page.locator('#clients').innerText()).toBe('2');
      await expect.poll(() => other.locator('#clients').innerText()).toBe('2');
      await press(other, 'Disconnect');
      await expect.poll(() => page.locator('#clients').innerText()).toBe('1');
    });

    it('counts in the background and measures the latency', async () => {
      const page = await openTab();
      const count = async () => Number(await page.locator('#counter').innerText());
      await expect.poll(count, { timeout: 5000 }).toBeGreaterThan(0);
      const earlier = await count();
      await expect.poll(count, { timeout: 5000 }).toBeGreaterThan(earlier);
      await expect.poll(() => page.locator('#latency').innerText()).toMatch(/^\d+(\.\d)? ms$/);
    });
  });

  it('connects by WebSocket only, if asked to', async () => {
    const page = await open('?transport=websocket', 'websocket');
    expect(await page.locator('#log').innerText()).not.toContain('upgraded');
    await press(page, 'Emit');
    await expectReceived(page, 'my response "hello", 42');
  });

  it('shows what another client sent as text, never as HTML', async () => {
    const [page, other] = await Promise.all([open('', 'websocket'), open('', 'websocket')]);
    const markup = '<img src=x onerror=alert(1)>';
    await card(page, 'Broadcast').getByLabel('Text').fill(markup);
    await press(page, 'Broadcast');
    await expectReceived(other, `my response "${markup}"`);
    expect(await other.locator('img').count()).toBe(0);
  });

  it('shows in each card the handlers of its buttons, word for word', async () => {
    const page = await open('', 'websocket');
    const handlers = handlersIn(await readFile(gatewayPath, 'utf8'));
    await page.locator('pre:empty').first().waitFor({ state: 'detached' });
    const cards = await page.locator('form').all();
    expect(cards).toHaveLength(8);
    for (const each of cards) {
      const events = await each.locator('button').evaluateAll((all) => all.map((button) => button.value));
      const shown = await each.locator('pre').allTextContents();
      expect(shown.filter((text) => !handlers.includes(text))).toEqual([]);
      expect(
        events.filter((event) => !shown.some((text) => text.startsWith(`@OnEvent('${event}')`))),
      ).toEqual([]);
    }
  });

  it('leads to the source of the gateway that runs', async () => {
    const page = await open('', 'websocket');
    await page.getByRole('link', { name: 'demo.gateway.ts' }).click();
    expect(await page.locator('body').textContent()).toBe(await readFile(gatewayPath, 'utf8'));
  });

  it('marks its figures as old ones while it is not connected', async () => {
    const page = await open('', 'websocket');
    const marks = page.locator('.tiles').getByText('not live');
    await expect.poll(() => page.locator('#counter').innerText(), { timeout: 5000 }).toMatch(/\d/);
    expect(await shownOf(marks)).toBe(0);

    await press(page, 'Disconnect');
    await page.getByText('disconnected: io server disconnect').waitFor();

    expect(await shownOf(marks)).toBe(await page.locator('.tiles dt').count());
    await press(page, 'Reconnect');
    await page.getByText('connected · websocket', { exact: true }).waitFor();
    expect(await shownOf(marks)).toBe(0);
  });

  it('has an icon, also for browsers that look for one themselves', async () => {
    const page = await open('', 'websocket');
    const linked = await page.locator('link[rel=icon]').getAttribute('href');
    for (const path of [linked!, 'favicon.ico']) {
      const answer = await page.request.get(`${url}/${path}`);
      expect([answer.status(), answer.headers()['content-type']]).toEqual([200, 'image/svg+xml']);
    }
  });

  it('covers no button on a phone, wherever it is scrolled to', async () => {
    const page = await open('', 'websocket');
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await coveredButtons(page)).toEqual([]);
    expect(await page.locator('html').evaluate((html) => html.scrollWidth)).toBe(390);
  });

  it('keeps a button close to its input, whatever stands in the cards beside', async () => {
    const page = await open('', 'websocket');
    await page.setViewportSize({ width: 1280, height: 900 });
    const gaps = await page.locator('form').evaluateAll((forms) =>
      forms.flatMap((form) => {
        const [input, button] = [form.querySelector('input'), form.querySelector('button')];
        if (!input || !button) return [];
        return button.getBoundingClientRect().top - input.getBoundingClientRect().bottom;
      }),
    );
    expect(gaps).toHaveLength(5);
    expect(Math.max(...gaps)).toBeLessThan(20);
  });

  it.each(['socket.io/socket.io.js', 'demo.js'])('says so if %s cannot be loaded', async (script) => {
    const page = await (await browser.newContext()).newPage();
    await page.route(`**/${script}`, (route) => route.abort());
    await page.goto(url);
    await expect
      .poll(() => page.getByRole('alert').allInnerTexts(), { timeout: 10_000 })
      .toEqual([`${script} could not be loaded. Does the server run? Then reload.`]);
  });
});

describe('the built demo', () => {
  const nest = 'node_modules/@nestjs/cli/bin/nest.js';
  let demo: Started | undefined;

  beforeAll(async () => {
    const build = start([nest, 'build']);
    const [code] = await build.ended;
    if (code !== 0) throw new Error(`nest build failed: ${build.errors.join('')}`);
  }, 120_000);

  afterEach(() => demo?.end('SIGKILL'));

  it.each([
    ['nest start', 'SIGINT', [nest, 'start']],
    ['node', 'SIGTERM', ['sample/.dist/01-demo/main.js']],
  ] as const)(
    'serves the page, started by %s, until %s',
    async (_, signal, command) => {
      demo = start(command);
      const url = await demo.address;
      const page = await fetch(url);
      expect(page.headers.get('content-type')).toContain('text/html');
      expect(await page.text()).toContain('<h1>nestjs-flask-socket');
      const source = await fetch(`${url}/demo.gateway.ts`);
      expect(await source.text()).toBe(await readFile(gatewayPath, 'utf8'));
      expect((await fetch(`${url}/socket.io/socket.io.js`)).status).toBe(200);
      demo.end(signal);
      await demo.ended;
      await expect(fetch(url)).rejects.toThrow();
      expect(demo.errors.join('')).not.toMatch(/error/i);
    },
    120_000,
  );
});

const gatewayPath = `${root}sample/01-demo/demo.gateway.ts`;

/** The methods of a file's class with their decorators, as they stand at its margin. */
function handlersIn(text: string): string[] {
  const file = ts.createSourceFile('gateway.ts', text, ts.ScriptTarget.Latest, true);
  const classes = file.statements.filter(ts.isClassDeclaration);
  const methods = classes.flatMap(({ members }) => members.filter(ts.isMethodDeclaration));
  return methods.map((method) => method.getText(file).replaceAll(/^ {2}/gm, ''));
}

async function shownOf(marks: Locator): Promise<number> {
  const shown = await Promise.all((await marks.all()).map((mark) => mark.isVisible()));
  return shown.filter(Boolean).length;
}

/** The buttons that a finger on their middle would miss, at any place of the page. */
function coveredButtons(page: Page): Promise<string[]> {
  return page.locator('button').evaluateAll((buttons) => {
    const found = new Set<string>();
    const { ownerDocument } = buttons[0]!;
    const scrolled = ownerDocument.documentElement;
    for (scrolled.scrollTop = 0; ; scrolled.scrollTop += 100) {
      for (const button of buttons) {
        const { x, y, width, height } = button.getBoundingClientRect();
        const met = ownerDocument.elementFromPoint(x + width / 2, y + height / 2); // null outside of the screen
        if (met && !button.contains(met)) found.add(button.textContent);
      }
      if (scrolled.scrollTop + scrolled.clientHeight >= scrolled.scrollHeight - 1) return [...found];
    }
  });
}

type Started = ReturnType<typeof start>;

/** Runs a program in a process group of its own, which hears a signal as a whole, as after Ctrl-C. */
function start(command: readonly string[]) {
  const { HOST: _, ...env } = process.env;
  const child = spawn(process.execPath, command, { cwd: root, env: { ...env, PORT: '0' }, detached: true });
  const errors: string[] = [];
  child.stderr.on('data', (chunk) => errors.push(String(chunk)));
  const ended = once(child, 'close');
  const address = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(String(chunk)) ?? [];
      if (found) resolve(found);
    });
    child.once('close', () => reject(new Error(`ended before it served: ${errors.join('')}`)));
  });
  address.catch(() => {}); // a build has no address
  const end = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-Number(child.pid), signal);
  };
  return { address, end, ended, errors };
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const sidOf = (page: Page) => page.locator('#sid').innerText();
const card = (page: Page, title: string) =>
  page.locator('form').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
const received = (page: Page, text: string) => page.locator('#log .received').filter({ hasText: text });

function expectNone(complaints: string[]) {
  expect(complaints).toEqual([]);
}

async function expectReceived(page: Page, text: string) {
  await received(page, text).first().waitFor();
}

/** Events keep their order: what has not come before an answer to a later one does not come. */
async function expectNothingElse(page: Page, unwanted: string) {
  await press(page, 'Emit');
  await expectReceived(page, 'my response "hello", 42');
  expect(await received(page, unwanted).count()).toBe(0);
}

async function expectAnswer(page: Page, title: string, answer: string) {
  await expect.poll(() => card(page, title).locator('output').innerText()).toBe(answer);
}

async function expectRooms(page: Page, rooms: string[]) {
  await expect.poll(() => page.locator('#rooms li').allInnerTexts()).toEqual(rooms);
}
