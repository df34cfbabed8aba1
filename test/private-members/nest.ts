import * as common from '@nestjs/common';
import { BaseExceptionFilter, ContextIdFactory, createContextId, ModuleRef, NestFactory } from '@nestjs/core';
import * as websockets from '@nestjs/websockets';
import { expect } from 'vitest';
import * as internals from '../../lib/handlers/nest-internals.js';
import { call, inside, type PrivateMember } from './private-member.js';

class Guard implements common.CanActivate {
  canActivate(): boolean {
    return true;
  }
}

class Pipe implements common.PipeTransform {
  transform(value: unknown): unknown {
    return value;
  }
}

class Interceptor implements common.NestInterceptor {
  intercept(_: unknown, next: common.CallHandler) {
    return next.handle();
  }
}

@common.Catch(RangeError)
class Filter extends BaseExceptionFilter {}

const Factory = common.createParamDecorator((data) => data as unknown);

@websockets.WebSocketGateway(81, { namespace: 'chat' })
@common.UseGuards(Guard)
@common.UsePipes(Pipe)
@common.UseInterceptors(Interceptor)
@common.UseFilters(Filter)
class Gateway {
  @websockets.WebSocketServer() server: unknown;

  @websockets.SubscribeMessage('news')
  news(
    @websockets.ConnectedSocket() _client: string,
    @websockets.MessageBody('text') _text: string,
    @Factory('mine') _mine: string,
    @websockets.Ack() _acknowledge: string,
  ): void {}

  headers(
    @common.Query('q') _q: string,
    @common.Param('p') _p: string,
    @common.Headers('h') _h: string,
  ): void {}

  rest(@common.Session() _session: object, @common.Ip() _ip: string): void {}
}

const on = (key: string, target: object, method?: string): unknown =>
  method === undefined ? Reflect.getMetadata(key, target) : Reflect.getMetadata(key, target, method);

/** The numbers that Nest gives to the decorators of a method's parameters, by their places. */
function numbersOf(method: string): string[] {
  const noted = on(internals.ROUTE_ARGS_METADATA, Gateway, method) as Record<string, { index: number }>;
  const entries = Object.entries(noted).toSorted(([, a], [, b]) => a.index - b.index);
  return entries.map(([key]) => key.split(':')[0]!);
}

const module = (
  member: string,
  [serves, instead]: [string, string],
  check: PrivateMember['check'],
): PrivateMember => ({ member, kind: 'module', serves, instead, check });

/** The modules inside of @nestjs/common. */
export const nestCommon: PrivateMember[] = [
  module(
    '@nestjs/common/constants.js',
    [
      'the keys under which Nest keeps what its decorators say of classes, methods and parameters',
      '`Reflector` reads under a key that one has; Nest exports none of these',
    ],
    () => {
      const { prototype } = Gateway;
      expect(on(internals.GUARDS_METADATA, Gateway), 'GUARDS_METADATA').toEqual([Guard]);
      expect(on(internals.PIPES_METADATA, Gateway), 'PIPES_METADATA').toEqual([Pipe]);
      expect(on(internals.INTERCEPTORS_METADATA, Gateway), 'INTERCEPTORS_METADATA').toEqual([Interceptor]);
      expect(on(internals.EXCEPTION_FILTERS_METADATA, Gateway), 'EXCEPTION_FILTERS_METADATA').toEqual([
        Filter,
      ]);
      expect(on(internals.FILTER_CATCH_EXCEPTIONS, Filter), 'FILTER_CATCH_EXCEPTIONS').toEqual([RangeError]);
      expect(internals.PARAMTYPES_METADATA).toBe('design:paramtypes');
      expect(prototype).toBeTypeOf('object');
    },
  ),
  {
    member: 'parameter decorators',
    kind: 'behaviour',
    serves: 'Nest keeps its parameter decorators by number: `@MessageBody()` is 3, `@Query()` is 4',
    instead: 'there is none: Nest resolves parameters for its own handlers alone',
    usedBy: ['lib/handlers/parameters.ts'],
    check() {
      expect(numbersOf('news').map((key) => (/^\d+$/.test(key) ? key : 'custom'))).toEqual([
        '0',
        '3',
        'custom',
        '13',
      ]);
      expect(numbersOf('news')[2]).toMatch(new RegExp(`${internals.CUSTOM_ROUTE_ARGS_METADATA}$`));
      expect(numbersOf('headers')).toEqual(['4', '5', '6']);
      expect(numbersOf('rest')).toEqual(['7', '11']);
      const noted = Object.values(
        on(internals.ROUTE_ARGS_METADATA, Gateway, 'news') as Record<string, object>,
      );
      expect(noted).toContainEqual(expect.objectContaining({ index: 1, data: 'text', pipes: [] }));
      expect(noted).toContainEqual(
        expect.objectContaining({ index: 2, data: 'mine', factory: expect.any(Function) }),
      );
    },
  },
  {
    member: 'ValidationPipe.expectedType',
    kind: 'property',
    serves: 'a validation that would see a rest parameter as an array of anything fails the boot',
    instead: 'the option of that name is not to be read again',
    check() {
      class Dto {}
      expect(inside(new common.ValidationPipe({ expectedType: Dto }), 'expectedType')).toBe(Dto);
    },
  },
];

/** The modules inside of @nestjs/core. */
export const nestCore: PrivateMember[] = [
  {
    ...module(
      '@nestjs/core/helpers/execution-context-host.js',
      ['the view of an event that guards, interceptors, filters and parameters are given', 'there is none'],
      () => {
        const values = ['client', 'data', 'acknowledge', 'pattern'];
        const context = new internals.ExecutionContextHost(values, Gateway as never, Gateway.prototype.news);
        call(context, 'setType', 'ws');
        expect([context.getType(), context.getClass(), call(context, 'getHandler')]).toEqual([
          'ws',
          Gateway,
          Gateway.prototype.news,
        ]);
        expect([context.switchToWs().getClient(), context.switchToWs().getData()]).toEqual([
          'client',
          'data',
        ]);
        (call(context, 'getArgs') as unknown[])[1] = 'other';
        expect([context.getArgByIndex(1), context.switchToWs().getPattern()]).toEqual(['other', 'pattern']);
      },
    ),
    also: ['ExecutionContextHost.getArgs', 'ExecutionContextHost.getHandler', 'ExecutionContextHost.setType'],
  },
  module(
    '@nestjs/core/injector/constants.js',
    ['what lives as long as the application is found as Nest finds it', 'there is none'],
    () => expect(internals.STATIC_CONTEXT).toMatchObject({ id: 1 }),
  ),
  module(
    '@nestjs/core/injector/injector.js',
    ['builds the instances of an event', '`moduleRef.resolve()` takes a token of one module'],
    () => expect(new internals.Injector({ preview: false }).loadPerContext).toBeTypeOf('function'),
  ),
  module(
    '@nestjs/core/injector/instance-wrapper.js',
    [
      'a type: what `ModulesContainer` holds',
      '`DiscoveryService` returns it; no entry of the package exports it',
    ],
    async () => {
      const path = '@nestjs/core/injector/instance-wrapper.js';
      expect(inside(await import(/* @vite-ignore */ path), 'InstanceWrapper')).toBeTypeOf('function');
    },
  ),
  module(
    '@nestjs/core/injector/module.js',
    [
      'a type: what `ModulesContainer` holds',
      '`ModulesContainer` returns it; no entry of the package exports it',
    ],
    async () => {
      const path = '@nestjs/core/injector/module.js';
      expect(inside(await import(/* @vite-ignore */ path), 'Module')).toBeTypeOf('function');
    },
  ),
  module(
    '@nestjs/core/router/request/request-constants.js',
    ['`ContextIdFactory.getByRequest()` in an application finds the instances of the event', 'there is none'],
    () => {
      const contextId = createContextId();
      const request = { [internals.REQUEST_CONTEXT_ID]: contextId };
      expect(ContextIdFactory.getByRequest(request)).toBe(contextId);
    },
  ),
  {
    member: 'ContextId.payload',
    kind: 'property',
    serves: 'what a durable provider gets as REQUEST',
    instead: 'a `ContextIdStrategy` is one for the whole process, and the application may have its own',
    usedBy: ['lib/handlers/scoped-instances.ts'],
    async check(bench) {
      const provide = { provide: 'request', scope: common.Scope.REQUEST, durable: true, inject: ['REQUEST'] };
      @common.Module({ providers: [{ ...provide, useFactory: (request: unknown) => request }] })
      class Root {}
      const app = await NestFactory.createApplicationContext(Root, { logger: false });
      bench.closing(() => app.close());
      const [mine, shared] = [createContextId(), createContextId()];
      mine.getParent = ({ isTreeDurable }) => (isTreeDurable ? shared : mine);
      Reflect.set(mine, 'payload', 'event');
      app.get(ModuleRef).registerRequestByContextId('event', mine);
      expect(await app.resolve('request', mine)).toBe('event');
    },
  },
];

/** The modules inside of @nestjs/websockets. */
export const nestWebsockets: PrivateMember[] = [
  module(
    '@nestjs/websockets/constants.js',
    [
      'the keys under which Nest keeps what it knows of its own gateways, which are served beside ours',
      'there is none',
    ],
    () => {
      const { news } = Gateway.prototype;
      expect(on(internals.GATEWAY_METADATA, Gateway), 'GATEWAY_METADATA').toBe(true);
      expect(on(internals.GATEWAY_OPTIONS, Gateway), 'GATEWAY_OPTIONS').toMatchObject({ namespace: 'chat' });
      expect(on(internals.PORT_METADATA, Gateway), 'PORT_METADATA').toBe(81);
      expect(on(internals.MESSAGE_MAPPING_METADATA, news), 'MESSAGE_MAPPING_METADATA').toBe(true);
      expect(on(internals.MESSAGE_METADATA, news), 'MESSAGE_METADATA').toBe('news');
      const marked = on(internals.GATEWAY_SERVER_METADATA, Gateway.prototype, 'server');
      expect(marked, 'GATEWAY_SERVER_METADATA').toBe(true);
    },
  ),
  {
    ...module(
      '@nestjs/websockets/exceptions/ws-exceptions-handler.js',
      [
        "an error of Nest's own gateways leaves no acknowledgement open, and ends no process",
        'there is none',
      ],
      () => {
        const handler = new internals.WsExceptionsHandler();
        const seen: unknown[] = [];
        const host = new internals.ExecutionContextHost([{}]); // of a client that is none of ours
        const filters = [{ exceptionMetatypes: [], func: (...values: unknown[]) => seen.push(values) }];
        handler.setCustomFilters(filters as never);
        const kept = inside<object[]>(handler, 'filters');
        expect(kept).toEqual(filters);
        const derived = Object.assign(Object.create(handler) as object, { filters: kept });
        call(derived, 'handle', 'error', host);
        expect(seen).toEqual([['error', host]]);
        expect(Object.hasOwn(internals.WsExceptionsHandler.prototype, 'handle')).toBe(true);
      },
    ),
    also: ['WsExceptionsHandler.filters'],
  },
];
