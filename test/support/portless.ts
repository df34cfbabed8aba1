import type { INestApplication } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { onTestFinished } from 'vitest';
import type { AppOptions } from './app.js';

/** An application that does not listen; it ends with the test. */
export async function createApp({
  options,
  module,
  adapter,
  prepare,
  https,
  imports = [],
  ...metadata
}: AppOptions & { https?: object } = {}): Promise<INestApplication> {
  @Module({
    ...metadata,
    imports: [module ?? FlaskSocketModule.forRoot({ logger: false, ...options }), ...imports],
  })
  class TestModule {}
  const nest = { logger: false, abortOnError: false, httpsOptions: https } as const;
  const app = adapter
    ? await NestFactory.create(TestModule, adapter(), nest)
    : await NestFactory.create(TestModule, nest);
  onTestFinished(() => app.close());
  prepare?.(app);
  return app;
}
