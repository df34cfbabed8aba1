import type { INestApplicationContext, Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

/**
 * A provider of an application, or `undefined` where no module provides it. An application of `NestFactory.create()`
 * ends the process when its own `get()` fails.
 */
export function providerOf<T>(app: INestApplicationContext, token: Type<T>): T | undefined {
  const modules = [...app.get(ModulesContainer).values()];
  return modules.some(({ providers }) => providers.has(token)) ? app.get(token) : undefined;
}
