import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { createClient } from 'redis';

/** A report that a client wants. */
export interface Job {
  title: string;
  /** Who is to hear of it: a worker needs no more than the client's sid. */
  sid: string;
}

/** What is to be done by the workers: a list in Redis. With Celery it would be `app.send_task()`. */
export class Jobs implements OnModuleInit, OnApplicationShutdown {
  readonly #redis;

  constructor(url: string) {
    this.#redis = createClient({ url }).on('error', (error: unknown) => console.error(String(error)));
  }

  async onModuleInit() {
    await this.#redis.connect();
  }

  async add(job: Job) {
    await this.#redis.rPush('jobs', JSON.stringify(job));
  }

  async onApplicationShutdown() {
    await this.#redis.close();
  }
}
