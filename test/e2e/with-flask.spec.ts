import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { spawn } from 'node:child_process';
import { chromium, type Browser, type Page } from 'playwright-core';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { redisBroker, type Broker } from '../support/brokers.js';
import { Gate } from '../support/journal.js';
import { noPythonOfToday } from '../support/python-process.js';
import { PythonQueue } from '../support/python-queue.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

describe.skipIf(!have('redis-server') || !have('chromium'))(
  'a Python worker, a Nest server and browsers',
  () => {
    let redis: Broker;
    let browser: Browser;
    let app: INestApplication;

    beforeAll(async () => {
      redis = await redisBroker();
      await redis.start();
      process.env['MESSAGE_QUEUE'] = redis.url;
      const { AppModule } = await import('../../sample/06-with-flask/app.module.js');
      app = await NestFactory.create(AppModule, { logger: false });
      await app.listen(0, '127.0.0.1');
      browser = await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu'],
      });
    });

    afterAll(async () => {
      await browser?.close();
      await app?.close();
      await redis?.stop();
      delete process.env['MESSAGE_QUEUE'];
    });

    beforeEach(() => Promise.all(browser.contexts().map((context) => context.close())));

    async function open(): Promise<Page> {
      const page = await (await browser.newContext()).newPage();
      page.setDefaultTimeout(30_000);
      await page.goto(await app.getUrl());
      await page.getByText('connected', { exact: true }).waitFor();
      return page;
    }

    /** Orders a report, and returns what the list of reports then shows: to who ordered it, and to somebody else. */
    async function order(seen = new Gate()): Promise<{ mine: string; other: string }> {
      const [mine, other] = [await open(), await open()];
      await mine.getByRole('button', { name: 'Order' }).click();
      await mine.getByText('Sales: 20 %').waitFor();
      seen.open();
      await mine.getByText('Sales: 42 pages').waitFor();
      for (const page of [mine, other]) await page.getByText('Sales is ready').waitFor();
      const shown = (page: Page) => page.locator('#reports').innerText();
      return { mine: await shown(mine), other: await shown(other) };
    }

    const expected = { mine: 'Sales: 42 pages', other: '' };

    it('P4 shows what messages say that are written as the worker writes them', async () => {
      const python = await PythonQueue.onRedis(redis.url, 'flask-socketio');
      const jobs = await createClient({ url: redis.url }).connect();
      onTestFinished(() => jobs.destroy());
      const seen = new Gate();
      const work = async () => {
        const job = await jobs.blPop('jobs', 10);
        const { title, sid } = JSON.parse(job!.element) as { title: string; sid: string };
        const to = { namespace: '/reports', room: sid };
        await python.emit('progress', [title, 20], to);
        await seen.opened;
        const report = [title, { bytes: { _placeholder: true, num: 0 } }];
        await python.emit('done', [report, Buffer.from('42 pages').toString('base64')], {
          ...to,
          binary: true,
        });
        await python.emit('news', [`${title} is ready`], { namespace: '/reports' });
      };
      const [, shown] = await Promise.all([work(), order(seen)]);
      expect(shown).toEqual(expected);
    });

    const skipped = noPythonOfToday ? ` (${noPythonOfToday})` : '';
    it.skipIf(noPythonOfToday)(`P4 shows what worker.py says${skipped}`, async () => {
      const env = { ...process.env, MESSAGE_QUEUE: redis.url };
      const worker = spawn('/usr/bin/python3', [`${root}sample/06-with-flask/worker.py`], { env });
      onTestFinished(() => void worker.kill('SIGKILL'));
      expect(await order()).toEqual(expected);
    });
  },
);
