import { Inject, Injectable, Module, Scope, UseGuards, type CanActivate } from '@nestjs/common';
import { createContextId, LazyModuleLoader, ModuleRef, ModulesContainer, NestFactory } from '@nestjs/core';
import { expect } from 'vitest';
import { Injector, STATIC_CONTEXT, type InstanceWrapper } from '../../lib/handlers/nest-internals.js';
import type { Bench } from './bench.js';
import { call, inside, type PrivateMember } from './private-member.js';

@Injectable()
class Plain {}

@Injectable()
class Guard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable()
class LateGuard extends Guard {}

@Injectable({ scope: Scope.REQUEST })
@UseGuards(Guard)
class Scoped {
  @Inject('made') made: unknown;

  constructor(@Inject(Plain) readonly plain: Plain) {}
}

@Injectable({ scope: Scope.REQUEST, durable: true })
class Durable {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient {}

@Module({
  providers: [
    Plain,
    Scoped,
    Durable,
    Transient,
    { provide: 'made', useFactory: () => new Plain() },
    { provide: 'alias', useExisting: Plain },
  ],
})
class Imported {}

@Module({ imports: [Imported] })
class Root {}

@Module({})
class Lazy {}

const ended: unknown[] = [];

@Module({})
class First {
  constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
    for (const module of modules.values()) {
      if (inside(module, 'metatype') === First) Reflect.set(module, 'distance', -Infinity);
    }
  }

  onModuleDestroy(): void {
    ended.push(First);
  }
}

@Module({ imports: [First] })
class Last {
  onModuleDestroy(): void {
    ended.push(Last);
  }
}

/** An application, and the module with its providers. */
async function started(bench: Bench) {
  const app = await NestFactory.createApplicationContext(Root, { logger: false });
  bench.closing(() => app.close());
  const modules = [...app.get(ModulesContainer).values()];
  const module = modules.find(({ metatype }) => metatype === Imported)!;
  const root = modules.find(({ metatype }) => metatype === Root)!;
  const wrapper = (token: unknown) => module.providers.get(token as never) as InstanceWrapper;
  return { app, root, module, wrapper };
}

type Started = Awaited<ReturnType<typeof started>>;

const DISCOVERED = '`DiscoveryService` gives the same objects; what they hold is documented nowhere';
const RESOLVED = '`moduleRef.resolve()` takes a token of one module, and 60 promises for each event';

/** A member of what the container keeps. */
function entry(
  member: string,
  [kind, serves, instead]: [PrivateMember['kind'], string, string],
  check: (app: Started) => unknown,
): PrivateMember {
  return { member, kind, serves, instead, check: async (bench) => check(await started(bench)) };
}

const finds = (serves: string): [PrivateMember['kind'], string, string] => ['property', serves, DISCOVERED];
const builds = (kind: PrivateMember['kind'], serves: string): [PrivateMember['kind'], string, string] => [
  kind,
  serves,
  RESOLVED,
];

const read = (wrapper: InstanceWrapper, name: string) => inside(wrapper, name);
const told = (wrapper: InstanceWrapper, name: string) => call(wrapper, name);

/** The parts of Nest's modules and providers. */
export const container: PrivateMember[] = [
  entry('Module.providers', finds('finds handlers in every module'), ({ module }) =>
    expect([...inside<Map<unknown, unknown>>(module, 'providers').keys()]).toContain(Scoped),
  ),
  entry('Module.controllers', finds('finds handlers in every module'), ({ module }) =>
    expect(inside(module, 'controllers')).toBeInstanceOf(Map),
  ),
  entry('Module.injectables', finds('finds guards and their like that are bound by class'), ({ module }) =>
    expect([...inside<Map<unknown, unknown>>(module, 'injectables').keys()]).toEqual([Guard]),
  ),
  entry('Module.imports', finds('finds what a module that is loaded later brings'), ({ root, module }) =>
    expect(inside<Set<unknown>>(root, 'imports').has(module)).toBe(true),
  ),
  entry('Module.name', finds('names a module in messages'), ({ module }) =>
    expect(inside(module, 'name')).toBe('Imported'),
  ),
  entry('Module.metatype', finds('finds the module that ends connections first'), ({ module }) =>
    expect(inside(module, 'metatype')).toBe(Imported),
  ),
  entry(
    'Module.distance',
    [
      'property',
      'connections end before any other module does',
      'there is none: hooks run by the distance of modules',
    ],
    async () => {
      const app = await NestFactory.createApplicationContext(Last, { logger: false });
      await app.close();
      expect(ended).toEqual([First, Last]);
    },
  ),
  entry('Module.getProviderByKey', finds('finds the module that has been loaded later'), ({ module }) =>
    expect(call(module, 'getProviderByKey', Scoped)).toBe(module.providers.get(Scoped)),
  ),
  entry(
    'Module.addInjectable',
    ['method', 'a guard that Nest cannot see is made in the module of its gateway', 'there is none'],
    async ({ module }) => {
      const wrapper = call(module, 'addInjectable', LateGuard, 'guard') as InstanceWrapper;
      await new Injector({ preview: false }).loadInjectable(wrapper as never, module as never);
      expect(module.injectables.get(LateGuard)?.instance).toBeInstanceOf(LateGuard);
    },
  ),
  entry('InstanceWrapper.name', finds('names a provider in messages'), ({ wrapper }) =>
    expect(read(wrapper(Plain), 'name')).toBe('Plain'),
  ),
  entry('InstanceWrapper.token', finds('knows a provider again'), ({ wrapper }) =>
    expect(read(wrapper('made'), 'token')).toBe('made'),
  ),
  entry('InstanceWrapper.host', finds('leads to the module of a provider'), ({ wrapper, module }) =>
    expect(read(wrapper(Plain), 'host')).toBe(module),
  ),
  entry('InstanceWrapper.metatype', finds('leads to the class of a provider'), ({ wrapper }) =>
    expect(read(wrapper(Scoped), 'metatype')).toBe(Scoped),
  ),
  entry('InstanceWrapper.instance', finds('what lives as long as the application'), ({ wrapper }) =>
    expect(read(wrapper(Plain), 'instance')).toBeInstanceOf(Plain),
  ),
  entry('InstanceWrapper.isNotMetatype', finds('tells classes from factories and values'), ({ wrapper }) =>
    expect(['made', Plain].map((token) => read(wrapper(token), 'isNotMetatype'))).toEqual([true, false]),
  ),
  entry('InstanceWrapper.isFactory', finds('tells factories from classes'), ({ wrapper }) =>
    expect(['made', Plain].map((token) => read(wrapper(token), 'isFactory'))).toEqual([true, false]),
  ),
  entry(
    'InstanceWrapper.isAlias',
    finds('an instance is taken once, under however many names'),
    ({ wrapper }) => expect(read(wrapper('alias'), 'isAlias')).toBe(true),
  ),
  entry('InstanceWrapper.isTransient', finds('tells those with an instance for each use'), ({ wrapper }) =>
    expect([Transient, Plain].map((token) => read(wrapper(token), 'isTransient'))).toEqual([true, false]),
  ),
  entry('InstanceWrapper.forwardRef', finds('a cycle is left to the container'), ({ wrapper }) =>
    expect(Boolean(Reflect.get(wrapper(Plain), 'forwardRef'))).toBe(false),
  ),
  entry(
    'InstanceWrapper.id',
    finds('which of the instances of an enhancer is that of a gateway'),
    ({ wrapper }) => expect(read(wrapper(Plain), 'id')).toMatch(/./),
  ),
  entry(
    'InstanceWrapper.isDependencyTreeStatic',
    builds('method', 'tells what differs from event to event'),
    ({ wrapper }) =>
      expect([Plain, Scoped].map((token) => told(wrapper(token), 'isDependencyTreeStatic'))).toEqual([
        true,
        false,
      ]),
  ),
  entry(
    'InstanceWrapper.isDependencyTreeDurable',
    builds('method', 'tells what lives as long as a connection'),
    ({ wrapper }) =>
      expect([Durable, Scoped].map((token) => told(wrapper(token), 'isDependencyTreeDurable'))).toEqual([
        true,
        false,
      ]),
  ),
  entry(
    'InstanceWrapper.getCtorMetadata',
    builds('method', 'what a constructor takes: instances of an event are built by a plain call'),
    async ({ app, wrapper }) => {
      await app.resolve(Scoped, createContextId(), { strict: false });
      expect(told(wrapper(Scoped), 'getCtorMetadata')).toEqual([wrapper(Plain)]);
    },
  ),
  {
    ...entry(
      'InstanceWrapper.getPropertiesMetadata',
      builds('method', 'what is put into properties: the container builds those'),
      async ({ app, wrapper }) => {
        await app.resolve(Scoped, createContextId(), { strict: false });
        const properties = told(wrapper(Scoped), 'getPropertiesMetadata') as { wrapper: unknown }[];
        expect(properties.map((property) => inside(property, 'wrapper'))).toEqual([wrapper('made')]);
      },
    ),
    also: ['PropertyMetadata.wrapper'],
  },
  {
    ...entry(
      'InstanceWrapper.getInstanceByContextId',
      builds('method', 'the instance of an event that the container has built'),
      async ({ app, wrapper }) => {
        const contextId = createContextId();
        const instance = await app.resolve(Scoped, contextId, { strict: false });
        const found = call(wrapper(Scoped), 'getInstanceByContextId', contextId);
        expect(found).toMatchObject({ instance, isResolved: true });
        const plain = call(wrapper(Plain), 'getInstanceByContextId', STATIC_CONTEXT) as object;
        expect(inside(plain, 'instance')).toBeInstanceOf(Plain);
      },
    ),
    also: ['InstancePerContext.instance', 'InstancePerContext.isResolved'],
  },
  entry(
    'InstanceWrapper.setInstanceByContextId',
    builds('method', 'the container is told of an instance that was built without it'),
    async ({ app, wrapper }) => {
      const contextId = createContextId();
      const instance = new Scoped(new Plain());
      const host = { instance, isResolved: true, isPending: false, isConstructorCalled: true };
      call(wrapper(Scoped), 'setInstanceByContextId', contextId, host);
      expect(await app.resolve(Scoped, contextId, { strict: false })).toBe(instance);
    },
  ),
  entry(
    'Injector.loadInjectable',
    ['method', 'makes a guard that its module has been given late', 'there is none'],
    async ({ module }) => {
      const wrapper = module.addInjectable(LateGuard as never, 'guard') as InstanceWrapper;
      await call(new Injector({ preview: false }), 'loadInjectable', wrapper, module);
      expect(wrapper.instance).toBeInstanceOf(LateGuard);
    },
  ),
  entry(
    'Injector.loadPerContext',
    builds('method', 'builds the instances of an event with their dependencies'),
    async ({ module, wrapper }) => {
      const contextId = createContextId();
      const { providers } = module;
      const scoped = wrapper(Scoped);
      const injector = new Injector({ preview: false });
      await call(injector, 'loadPerContext', { constructor: Scoped }, module, providers, contextId, scoped);
      expect(scoped.getInstanceByContextId(contextId).instance).toMatchObject({
        plain: wrapper(Plain).instance,
      });
    },
  ),
  {
    ...entry(
      'ContextId.getParent',
      builds(
        'method',
        'durable providers belong to the connection: whether a tree is durable, Nest asks here',
      ),
      async ({ app }) => {
        const [mine, shared] = [createContextId(), createContextId()];
        const asked: unknown[] = [];
        mine.getParent = (info) => {
          asked.push(inside(info, 'isTreeDurable'));
          return info.isTreeDurable ? shared : mine;
        };
        const durable = await app.resolve(Durable, mine, { strict: false });
        expect(await app.resolve(Durable, shared, { strict: false })).toBe(durable);
        expect(asked).toContain(true);
      },
    ),
    also: ['HostComponentInfo.isTreeDurable'],
  },
  entry(
    'ModuleRef.container',
    ['property', 'instances are decorated where the application instruments its container', 'there is none'],
    async ({ app }) => {
      const instanceDecorator = (instance: unknown) => instance;
      const options = { logger: false, instrument: { instanceDecorator } } as const;
      const other = await NestFactory.createApplicationContext(Root, options);
      const kept = inside<object>(other.get(ModuleRef), 'container');
      expect(kept).toMatchObject({ contextOptions: { instrument: { instanceDecorator } } });
      await other.close();
      expect(inside(app.get(ModuleRef), 'container')).toBeTypeOf('object');
    },
  ),
  entry(
    'LazyModuleLoader.load',
    [
      'behaviour',
      'hears of modules that are loaded later',
      'it is public, and nobody is told that it was called',
    ],
    async ({ app }) => {
      const loader = app.get(LazyModuleLoader);
      const load = loader.load.bind(loader);
      const loaded: unknown[] = [];
      loader.load = async (...values) => {
        loaded.push(await load(...values));
        return loaded[0] as ModuleRef;
      };
      const lazy = await app.get(LazyModuleLoader).load(() => Lazy);
      expect(loaded).toEqual([lazy]);
      const added = [...app.get(ModulesContainer).values()].find(({ metatype }) => metatype === Lazy)!;
      expect(added.getProviderByKey(ModuleRef)?.instance).toBe(lazy);
    },
  ),
];
