import { Inject, Injectable } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Module } from './nest-internals.js';

type Load = LazyModuleLoader['load'];

/** A module that is being loaded. */
interface Loading {
  definition?: unknown;
}

/** The modules of an application: those that it starts with, and what `LazyModuleLoader` adds to them later. */
@Injectable()
export class LazyModules {
  readonly #known: Set<Module>;
  readonly #loading = new Set<Loading>();
  #added: ((modules: Module[]) => Promise<void>) | undefined;

  constructor(
    @Inject(ModulesContainer) private readonly container: ModulesContainer,
    @Inject(LazyModuleLoader) loader: LazyModuleLoader,
  ) {
    this.#known = new Set(container.values()); // by now Nest has read all that it starts with
    const load = loader.load.bind(loader);
    loader.load = (...parameters) => this.#load(load, parameters);
  }

  /** Those that are there and complete. */
  present(): Module[] {
    return [...this.#known];
  }

  /** From now on `added` hears of each one that comes, before its `load()` resolves. */
  follow(added: (modules: Module[]) => Promise<void>): void {
    this.#added = added;
  }

  async #load(load: Load, [definitionOf, options]: Parameters<Load>): Promise<ModuleRef> {
    const loading: Loading = {};
    this.#loading.add(loading);
    try {
      const loaded = await load(async () => {
        const definition = await definitionOf();
        loading.definition = definition;
        return definition;
      }, options);
      const [first] = [...this.#loading].filter(({ definition }) => definition === loading.definition);
      if (first === loading) await this.#add(loaded); // Nest 11 resolves the second before the module is complete
      return loaded;
    } finally {
      this.#loading.delete(loading);
    }
  }

  async #add(loaded: ModuleRef): Promise<void> {
    const target = [...this.container.values()].find(
      (module) => module.getProviderByKey(ModuleRef)?.instance === loaded,
    );
    const modules = [...withImports(target)].filter((module) => !this.#known.has(module));
    for (const module of modules) this.#known.add(module);
    await this.#added?.(modules);
  }
}

function withImports(module: Module | undefined, found = new Set<Module>()): Set<Module> {
  if (!module || found.has(module)) return found;
  found.add(module);
  for (const each of module.imports) withImports(each, found);
  return found;
}
