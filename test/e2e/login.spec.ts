import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppModule as JwtModule } from '../../sample/09-jwt/app.module.js';
import { AppModule as LoginModule } from '../../sample/03-login/app.module.js';
import { have } from '../support/system-packages.mjs';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
];

let app: INestApplication;
let url: string;
let browser: Browser;
const foreign: string[] = [];

async function start(module: typeof LoginModule) {
  app = await NestFactory.create(module, { logger: false });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
}

/** A tab of a browser; those of one context share their cookies. */
async function open(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => foreign.push(error.message));
  page.on('request', (request) => {
    if (!/^(data:|ws:)/.test(request.url()) && !request.url().startsWith(url)) foreign.push(request.url());
  });
  await page.goto(url);
  return page;
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const expectText = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();

async function login(page: Page, name: string, password = `secret of ${name}`) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await press(page, 'Log in');
}

describe.skipIf(!have('chromium'))('in a browser', () => {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
  });

  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await app.close();
    expect(foreign.splice(0)).toEqual([]);
  });

  afterAll(() => browser?.close());

  describe('the page with a login', () => {
    beforeEach(() => start(LoginModule));

    it('A2 is refused before the login, in the words of the guard', async () => {
      const page = await open(await browser.newContext());

      await expectText(page, 'Please log in');
      await login(page, 'ann', 'a guess');

      await expectText(page, 'Wrong name or password');
    });

    it('A1 is a known user after the login, also when it is loaded again', async () => {
      const page = await open(await browser.newContext());
      await expectText(page, 'Please log in');
      await login(page, 'ann');
      await expectText(page, 'You are ann');

      await page.reload();

      await expectText(page, 'You are ann');
      await press(page, 'Say');
      await expectText(page, 'ann: hello');
    });

    it('A3 reaches all tabs of a user, and nobody else', async () => {
      const [first, other] = [await open(await browser.newContext()), await open(await browser.newContext())];
      await login(first, 'ann');
      await expectText(first, 'You are ann');
      await login(other, 'bob');
      await expectText(other, 'You are bob');

      const second = await open(first.context());
      await expectText(second, 'You are ann');

      await expectText(first, 'You have opened another tab');
      await press(other, 'Say');
      await expectText(other, 'bob: hello');
      expect(await other.getByText('another tab').count()).toBe(0);
    });

    it('A3 is put out of all tabs by the logout in one, and stays out', async () => {
      const first = await open(await browser.newContext());
      const other = await open(await browser.newContext());
      await login(first, 'ann');
      await expectText(first, 'You are ann');
      await login(other, 'bob');
      await expectText(other, 'You are bob');
      const second = await open(first.context());
      await expectText(second, 'You are ann');

      await press(first, 'Log out');

      await Promise.all([expectText(first, 'Please log in'), expectText(second, 'Please log in')]);
      await press(other, 'Say');
      await expectText(other, 'bob: hello');
    });
  });

  describe('the page with a JWT', () => {
    beforeEach(() => start(JwtModule));

    it('A3 connects with a token, and lasts longer with another one', async () => {
      const page = await open(await browser.newContext());
      await expectText(page, 'Connected as ann');
      const lasts = page.getByText(/^The connection lasts until/);
      await lasts.first().waitFor();

      await press(page, 'Refresh');

      await lasts.nth(1).waitFor();
    });
  });
});
