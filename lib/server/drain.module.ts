import { Inject, Module, type OnModuleDestroy } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { Shutdown } from './shutdown.js';

/**
 * Ends handlers and connections before any other module's `onModuleDestroy()`: what they use (a database, Redis) is
 * still there. Nest calls these hooks in the order of a module's distance from the root; this one comes first.
 * Source: promise P7.
 */
@Module({})
export class DrainModule implements OnModuleDestroy {
  constructor(
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    for (const module of modules.values()) {
      if (module.metatype === DrainModule) module.distance = -Infinity;
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.moduleRef.get(Shutdown, { strict: false }).drain();
  }
}
