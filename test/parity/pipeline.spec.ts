import {
  applyDecorators,
  BadRequestException,
  Catch,
  ExecutionContext,
  Inject,
  Injectable,
  ParseArrayPipe,
  ParseIntPipe,
  Scope,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type ArgumentMetadata,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type INestApplication,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  type Type,
} from '@nestjs/common';
import * as common from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { WsException } from '@nestjs/websockets';
import { Type as OfType } from 'class-transformer';
import { IsInt, IsString, MinLength, ValidateNested } from 'class-validator';
import {
  Args,
  Auth,
  ConnectionRefusedError,
  emit,
  MessageBody,
  OnConnect,
  OnDisconnect,
  OnEvent,
  Param,
  Query,
  request,
  Sid,
  SocketGateway,
  SocketIO,
  SocketRequest,
} from 'nestjs-flask-socket';
import { catchError, delay, map, of, tap, throwError, type Observable } from 'rxjs';
import type { Socket as ServerSocket } from 'socket.io';
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ask, connected, flushed, inbox, refusal, startApp, type RunningApp } from '../support/app.js';

/** What happened, in its order. */
@Injectable()
class Journal {
  readonly lines: string[] = [];

  note(line: string): void {
    this.lines.push(line);
  }

  /** The lines since the last call. */
  taken(): string[] {
    return this.lines.splice(0);
  }
}

/** `event first`: the pattern, then the data, as Nest's own classes are told. */
function seenBy(host: ArgumentsHost): string {
  const ws = host.switchToWs();
  return `${ws.getPattern()} ${JSON.stringify(ws.getData())}`;
}

@Injectable()
class Guard implements CanActivate {
  constructor(@Inject(Journal) private readonly journal: Journal) {}

  canActivate(context: ExecutionContext) {
    this.journal.note(`guard ${seenBy(context)}`);
    return !JSON.stringify(context.switchToWs().getData() ?? '').includes('forbidden');
  }
}

@Injectable()
class Interceptor implements NestInterceptor {
  constructor(@Inject(Journal) private readonly journal: Journal) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    this.journal.note(`before ${seenBy(context)}`);
    return next.handle().pipe(
      tap(() => this.journal.note('after')),
      map((value: unknown) => (typeof value === 'string' ? `${value}, intercepted` : value)),
    );
  }
}

@Injectable()
class Pipe implements PipeTransform {
  constructor(@Inject(Journal) private readonly journal: Journal) {}

  transform(value: unknown, { type }: ArgumentMetadata) {
    this.journal.note(`pipe ${type} ${JSON.stringify(value)}`);
    return typeof value === 'string' ? `${value}, piped` : { ...(value as object), piped: true };
  }
}

class Mistake extends Error {}

@Catch(Mistake)
@Injectable()
class Filter implements ExceptionFilter {
  constructor(@Inject(Journal) private readonly journal: Journal) {}

  catch(_error: Mistake, host: ArgumentsHost) {
    this.journal.note(`filter ${seenBy(host)}`);
    return 'filtered';
  }
}

/** The same, with a dependency that exists once per event: the sid proves that it was built for this one. */
function scoped<T extends Type>(base: T): T {
  @Injectable()
  class Scoped extends (base as Type) {
    constructor(@Inject(SocketRequest) { sid }: SocketRequest, @Inject(Journal) journal: Journal) {
      super(journal);
      journal.note(`built for ${typeof sid}`);
    }
  }
  return Scoped as T;
}

type Decorator = ClassDecorator & MethodDecorator;

/** A gateway whose three kinds of handlers have the same decorators. */
function gatewayWith({
  onClass = [],
  onMethod = [],
}: { onClass?: Decorator[]; onMethod?: Decorator[] } = {}) {
  const bound = applyDecorators(...onMethod);
  @SocketGateway()
  @applyDecorators(...onClass)
  class BoundGateway {
    constructor(@Inject(Journal) readonly journal: Journal) {}

    @OnConnect()
    @bound
    connect(auth?: { name: string; piped?: boolean; mistake?: boolean }) {
      this.journal.note(`connect ${JSON.stringify(auth)}`);
      if (auth?.mistake) throw new Mistake();
    }

    @OnEvent('event')
    @bound
    event(value: string) {
      this.journal.note(`event ${value}`);
      if (value === 'mistake') throw new Mistake();
      return value;
    }

    @OnDisconnect()
    @bound
    disconnect(reason: string) {
      this.journal.note(`disconnect ${reason}`);
      throw new Mistake();
    }
  }
  return BoundGateway;
}

interface Kind {
  name: string;
  metatype: Type;
  use: (...metatypes: Type[]) => Decorator;
  token: string;
  useGlobal: (app: INestApplication, instance: never) => unknown;
}

const kinds = {
  guard: {
    name: 'guard',
    metatype: Guard,
    use: UseGuards,
    token: APP_GUARD,
    useGlobal: (app, instance) => app.useGlobalGuards(instance),
  },
  interceptor: {
    name: 'interceptor',
    metatype: Interceptor,
    use: UseInterceptors,
    token: APP_INTERCEPTOR,
    useGlobal: (app, instance) => app.useGlobalInterceptors(instance),
  },
  pipe: {
    name: 'pipe',
    metatype: Pipe,
    use: UsePipes,
    token: APP_PIPE,
    useGlobal: (app, instance) => app.useGlobalPipes(instance),
  },
  filter: {
    name: 'filter',
    metatype: Filter,
    use: UseFilters,
    token: APP_FILTER,
    useGlobal: (app, instance) => app.useGlobalFilters(instance),
  },
} satisfies Record<string, Kind>;

interface Bound {
  gateway: Type;
  providers?: Provider[];
  prepare?: (app: INestApplication) => void;
}

/** Every way to bind something. */
const bindings: Record<string, (kind: Kind) => Bound> = {
  'to the method': ({ metatype, use }) => ({ gateway: gatewayWith({ onMethod: [use(metatype)] }) }),
  'to the class': ({ metatype, use }) => ({ gateway: gatewayWith({ onClass: [use(metatype)] }) }),
  'to the method, one per event': ({ metatype, use }) => ({
    gateway: gatewayWith({ onMethod: [use(scoped(metatype))] }),
  }),
  'to the class, one per event': ({ metatype, use }) => ({
    gateway: gatewayWith({ onClass: [use(scoped(metatype))] }),
  }),
  'with app.useGlobal…()': ({ metatype, useGlobal }) => ({
    gateway: gatewayWith(),
    prepare: (app) => useGlobal(app, new metatype(app.get(Journal)) as never),
  }),
  'with APP_…': ({ metatype, token }) => ({
    gateway: gatewayWith(),
    providers: [{ provide: token, useClass: metatype }],
  }),
  'with APP_…, one per event': ({ metatype, token }) => ({
    gateway: gatewayWith(),
    providers: [{ provide: token, useClass: scoped(metatype), scope: Scope.REQUEST }],
  }),
};

/** Ends a client's connection; resolves when the disconnect handler has ended, too. */
async function leave(running: RunningApp, client: Socket): Promise<void> {
  const socket = running.get(SocketIO).server.sockets.sockets.get(client.id!)!;
  const left = new Promise((resolve) => socket.once('disconnect', resolve));
  client.disconnect();
  await left;
  await running.close();
}

describe.each(Object.entries(bindings))('bound %s', (how, bind) => {
  const perEvent = how.includes('per event');
  const built = perEvent ? ['built for string'] : [];

  async function start(kind: Kind) {
    const { gateway, providers = [], prepare } = bind(kind);
    const running = await startApp({ providers: [Journal, gateway, ...providers], prepare });
    return { running, journal: running.get(Journal) };
  }

  it('V13 a guard lets in and refuses connections and events', async () => {
    const { running, journal } = await start(kinds.guard);

    const refused = await refusal(running.open('/', { auth: { name: 'forbidden' } }));
    const atRefusal = journal.taken();
    const client = await running.connect('/', { auth: { name: 'Ann' } });
    const atConnect = journal.taken();
    const answers = [await ask(client, 'event', 'forbidden'), await ask(client, 'event', 'fine')];

    expect(refused.message).toBe('Forbidden resource');
    expect(atRefusal).toEqual([...built, 'guard connect {"name":"forbidden"}']);
    expect(atConnect).toEqual([...built, 'guard connect {"name":"Ann"}', 'connect {"name":"Ann"}']);
    expect(answers).toEqual([[{ status: 'error', message: 'Forbidden resource' }], ['fine']]);
    expect(journal.taken()).toEqual([
      ...built,
      'guard event "forbidden"',
      ...built,
      'guard event "fine"',
      'event fine',
    ]);
  });

  it('V13 an interceptor stands around connections and events', async () => {
    const { running, journal } = await start(kinds.interceptor);
    const client = await running.connect();
    const atConnect = journal.taken();
    const answer = await ask(client, 'event', 'x');
    expect(atConnect).toEqual([...built, 'before connect undefined', 'connect undefined', 'after']);
    expect(answer).toEqual(['x, intercepted']);
    expect(journal.taken()).toEqual([...built, 'before event "x"', 'event x', 'after']);
  });

  it('V13 a pipe changes what connections and events bring', async () => {
    const { running, journal } = await start(kinds.pipe);
    const client = await running.connect('/', { auth: { name: 'Ann' } });
    const atConnect = journal.taken();
    const answer = await ask(client, 'event', 'x');
    expect(atConnect).toEqual([...built, 'pipe body {"name":"Ann"}', 'connect {"name":"Ann","piped":true}']);
    expect(answer).toEqual(['x, piped']);
    expect(journal.taken()).toEqual([...built, 'pipe body "x"', 'event x, piped']);
  });

  it('V13 a filter answers for connections and events that fail', async () => {
    const { running, journal } = await start(kinds.filter);
    const refused = await refusal(running.open('/', { auth: { mistake: true } }));
    const client = await running.connect();
    journal.taken();
    const answer = await ask(client, 'event', 'mistake');
    expect([refused.message, answer]).toEqual(['Internal server error', ['filtered']]);
    expect(journal.taken()).toEqual([...built, 'event mistake', 'filter event "mistake"']);
  });

  it.each([
    ['guard', ['guard disconnect "client namespace disconnect"', 'disconnect client namespace disconnect']],
    [
      'interceptor',
      ['before disconnect "client namespace disconnect"', 'disconnect client namespace disconnect'],
    ],
    ['pipe', ['pipe body "client namespace disconnect"', 'disconnect client namespace disconnect, piped']],
    ['filter', ['disconnect client namespace disconnect', 'filter disconnect "client namespace disconnect"']],
  ] as const)('V13 a %s works on disconnect handlers', async (name, lines) => {
    const isNotAsked = name === 'guard' && !how.startsWith('to the method'); // nobody but the handler's own
    const { running, journal } = await start(kinds[name]);
    const client = await running.connect();
    journal.taken();
    await leave(running, client);
    expect(journal.taken().filter((line) => line !== built[0])).toEqual(isNotAsked ? [lines[1]] : lines);
  });
});

describe('several of them', () => {
  const named = (name: string) => {
    @Injectable()
    class NamedGuard implements CanActivate {
      constructor(@Inject(Journal) private readonly journal: Journal) {}

      canActivate() {
        this.journal.note(`guard ${name}`);
        return true;
      }
    }

    @Injectable()
    class NamedInterceptor implements NestInterceptor {
      constructor(@Inject(Journal) private readonly journal: Journal) {}

      intercept(_: ExecutionContext, next: CallHandler) {
        this.journal.note(`before ${name}`);
        return next.handle().pipe(tap(() => this.journal.note(`after ${name}`)));
      }
    }

    @Injectable()
    class NamedPipe implements PipeTransform {
      constructor(@Inject(Journal) private readonly journal: Journal) {}

      transform(value: unknown) {
        this.journal.note(`pipe ${name}`);
        return value;
      }
    }
    const use = applyDecorators(
      UseGuards(NamedGuard),
      UseInterceptors(NamedInterceptor),
      UsePipes(NamedPipe),
    );
    return { NamedGuard, NamedInterceptor, NamedPipe, use };
  };
  const [app, onClass, onMethod, onParameter] = ['app', 'class', 'method', 'parameter'].map(named);

  @SocketGateway()
  @(onClass!.use)
  class OrderedGateway {
    @OnEvent('event')
    @(onMethod!.use)
    event(@MessageBody(onParameter!.NamedPipe) value: unknown) {
      return value;
    }
  }

  it('V13 run from the outside in: guards, interceptors, pipes; application, class, method, parameter', async () => {
    const running = await startApp({
      providers: [
        Journal,
        OrderedGateway,
        { provide: APP_GUARD, useClass: app!.NamedGuard },
        { provide: APP_INTERCEPTOR, useClass: app!.NamedInterceptor },
        { provide: APP_PIPE, useClass: app!.NamedPipe },
      ],
    });
    await ask(await running.connect(), 'event', 1);
    expect(running.get(Journal).taken()).toEqual([
      'guard app',
      'guard class',
      'guard method',
      'before app',
      'before class',
      'before method',
      'pipe app',
      'pipe class',
      'pipe method',
      'pipe parameter',
      'after method',
      'after class',
      'after app',
    ]);
  });

  it('V13 V4 a pipe of a method is asked once for each of its parameters, and for further arguments', async () => {
    class PipedGateway {
      @OnEvent('body')
      @UsePipes(onMethod!.NamedPipe)
      body(@MessageBody() value: unknown) {
        return value;
      }

      @OnEvent('rest')
      @UsePipes(onMethod!.NamedPipe)
      rest(first: unknown, ...others: unknown[]) {
        return [first, others];
      }
    }
    const running = await startApp({ providers: [Journal, PipedGateway] });
    const client = await running.connect();
    const journal = running.get(Journal);
    const answers = [await ask(client, 'body', 1), journal.taken(), await ask(client, 'rest', 1, 2, 3)];
    expect(answers).toEqual([[1], ['pipe method'], [[1, [2, 3]]]]);
    expect(journal.taken()).toEqual(['pipe method', 'pipe method', 'pipe method']);
  });

  it('V13 the first guard that says no is the last that is asked', async () => {
    class NoGateway {
      @OnEvent('event')
      @UseGuards({ canActivate: () => false }, onMethod!.NamedGuard)
      event() {}
    }
    const running = await startApp({ providers: [Journal, NoGateway] });
    expect(await ask(await running.connect(), 'event')).toEqual([
      { status: 'error', message: 'Forbidden resource' },
    ]);
    expect(running.get(Journal).taken()).toEqual([]);
  });

  it('V13 the nearest filter answers', async () => {
    const answering = (answer: string): ExceptionFilter => ({ catch: () => answer });
    @UseFilters(answering('class'))
    class FilteredGateway {
      @OnEvent('near')
      @UseFilters(answering('method'))
      near() {
        throw new Mistake();
      }

      @OnEvent('far')
      far() {
        throw new Mistake();
      }
    }
    const running = await startApp({
      providers: [FilteredGateway],
      prepare: (nest) => nest.useGlobalFilters(answering('application')),
    });
    const client = await running.connect();
    expect([await ask(client, 'near'), await ask(client, 'far')]).toEqual([['method'], ['class']]);
  });

  it('V13 a filter that does not catch the type leaves it to the next', async () => {
    @Catch(WsException)
    class WsFilter implements ExceptionFilter {
      catch = () => 'a WsException';
    }
    @UseFilters(Filter)
    class FilteredGateway {
      @OnEvent('ws')
      @UseFilters(WsFilter)
      ws() {
        throw new WsException('x');
      }

      @OnEvent('mistake')
      @UseFilters(WsFilter)
      mistake() {
        throw new Mistake();
      }
    }
    const running = await startApp({ providers: [Journal, FilteredGateway] });
    const client = await running.connect();
    expect([await ask(client, 'ws'), await ask(client, 'mistake')]).toEqual([
      ['a WsException'],
      ['filtered'],
    ]);
  });
});

describe('guards', () => {
  const answers: [string, () => unknown, boolean][] = [
    ['true', () => true, true],
    ['a promise of true', async () => true, true],
    ['an observable of true', () => of(true), true],
    ['an observable over time', () => of(true).pipe(delay(1)), true],
    ['false', () => false, false],
    ['undefined', () => undefined, false],
    ['a promise of false', async () => false, false],
    ['an observable of false', () => of(false), false],
    ['an empty observable', () => of<boolean>(), false],
  ];

  it.each(answers)('V13 %s', async (_, answer, lets) => {
    @UseGuards({ canActivate: answer } as CanActivate)
    class GuardedGateway {
      called = false;

      @OnEvent('event')
      event() {
        this.called = true;
        return 'through';
      }
    }
    const running = await startApp({ providers: [GuardedGateway] });
    const answered = await ask(await running.connect(), 'event');
    expect(answered).toEqual([lets ? 'through' : { status: 'error', message: 'Forbidden resource' }]);
    expect(running.get(GuardedGateway).called).toBe(lets);
  });

  it.each([
    [
      () => {
        throw new WsException('no token');
      },
      'no token',
    ],
    [
      async () => {
        throw new WsException('no token');
      },
      'no token',
    ],
    [() => throwError(() => new WsException('no token')), 'no token'],
    [
      () => {
        throw new Error('a secret');
      },
      'Internal server error',
    ],
  ])(
    'V13 what a guard throws refuses, and a client hears no more than it may',
    async (canActivate, message) => {
      @UseGuards({ canActivate } as CanActivate)
      class GuardedGateway {
        @OnConnect('/chat')
        connect() {}

        @OnEvent('event')
        event() {}
      }
      const running = await startApp({ providers: [GuardedGateway] });
      const refused = await refusal(running.open('/chat'));
      const answered = await ask(await running.connect(), 'event');
      expect([refused.message, answered]).toEqual([message, [{ status: 'error', message }]]);
    },
  );

  describe('at disconnect', () => {
    const no = (name: string): Type<CanActivate> => {
      @Injectable()
      class No implements CanActivate {
        constructor(@Inject(Journal) private readonly journal: Journal) {}

        canActivate(context: ExecutionContext) {
          if (context.switchToWs().getPattern() !== 'disconnect') return true;
          this.journal.note(name);
          if (name === 'throws') throw new WsException('no token');
          return name === 'later' ? Promise.resolve(false) : false;
        }
      }
      return No;
    };
    const [application, onClass, throws, later, synchronous] = ['app', 'class', 'throws', 'later', 'no'].map(
      no,
    );

    @SocketGateway()
    @UseGuards(onClass!)
    class LeavingGateway {
      constructor(@Inject(Journal) private readonly journal: Journal) {}

      @OnDisconnect()
      @UseGuards(synchronous!, throws!, later!)
      disconnect() {
        this.journal.note('disconnect');
      }
    }

    it.each([
      ['APP_GUARD', { providers: [{ provide: APP_GUARD, useClass: application! }] }],
      [
        'app.useGlobalGuards()',
        { prepare: (app: INestApplication) => app.useGlobalGuards({ canActivate: (context) => context.switchToWs().getPattern() !== 'disconnect' }) }, // prettier-ignore
      ],
    ])(
      'V13 C7 no guard keeps a disconnect handler from running: %s',
      async (_, { providers = [], ...options }: Pick<Bound, 'providers' | 'prepare'>) => {
        const running = await startApp({ ...options, providers: [Journal, LeavingGateway, ...providers] });
        const client = await running.connect();
        const { adapter } = running.get(SocketIO).server.sockets;
        await leave(running, client);
        expect(running.get(Journal).taken()).toEqual(['no', 'throws', 'later', 'disconnect']);
        expect(adapter.rooms.size).toBe(0);
        const refusals = running.log
          .of('debug')
          .filter((line) => line.startsWith('A guard refused the disconnect'));
        expect(refusals.map((line) => line.split(': ').at(-1))).toEqual([
          'Forbidden resource',
          'no token',
          'Forbidden resource',
        ]);
        expect([...running.log.of('error'), ...running.log.of('warn')]).toEqual([]);
      },
    );
  });

  it('V13 a transient guard is constructed', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class TransientGuard implements CanActivate {
      constructor(@Inject(Journal) private readonly journal: Journal) {}

      canActivate() {
        this.journal.note('asked');
        return true;
      }
    }
    class GuardedGateway {
      @OnEvent('event')
      @UseGuards(TransientGuard)
      event() {}
    }
    const running = await startApp({ providers: [Journal, GuardedGateway] });
    await ask(await running.connect(), 'event');
    expect(running.get(Journal).taken()).toEqual(['asked']);
  });

  it('V13 one of a gateway that is built per event is asked before the handler', async () => {
    @SocketGateway()
    @UseGuards(scoped(Guard))
    class ScopedGateway {
      constructor(
        @Inject(SocketRequest) private readonly event: SocketRequest,
        @Inject(Journal) private readonly journal: Journal,
      ) {}

      @OnEvent('event')
      handle(value: string) {
        this.journal.note(`event ${value}`);
        return this.event.sid;
      }
    }
    const running = await startApp({ providers: [Journal, ScopedGateway] });
    const client = await running.connect();
    const answered = [await ask(client, 'event', 'forbidden'), await ask(client, 'event', 'fine')];
    expect(answered).toEqual([[{ status: 'error', message: 'Forbidden resource' }], [client.id]]);
    expect(running.get(Journal).taken()).toEqual([
      'built for string',
      'guard event "forbidden"',
      'built for string',
      'guard event "fine"',
      'event fine',
    ]);
  });
});

describe('interceptors', () => {
  const around = (intercept: NestInterceptor['intercept']): NestInterceptor => ({ intercept });

  async function answerThrough(interceptor: NestInterceptor, result: () => unknown = () => 'handled') {
    class InterceptedGateway {
      called = 0;

      @OnEvent('event')
      @UseInterceptors(interceptor)
      event() {
        this.called++;
        return result();
      }
    }
    const running = await startApp({ providers: [InterceptedGateway] });
    const answer = await ask(await running.connect(), 'event');
    return { answer, called: running.get(InterceptedGateway).called };
  }

  const thrower = (error: Error) => {
    throw error;
  };

  it('V13 may answer without the handler', async () => {
    const outcome = await answerThrough(around(() => of('cached')));
    expect(outcome).toEqual({ answer: ['cached'], called: 0 });
  });

  it('V13 may answer in place of an error', async () => {
    const interceptor = around((_, next) => next.handle().pipe(catchError(() => of('rescued'))));
    const fail = () => {
      throw new Mistake();
    };
    expect(await answerThrough(interceptor, fail)).toEqual({ answer: ['rescued'], called: 1 });
  });

  it.each([
    ['a promise', async () => 'later'],
    ['an observable', () => of('first', 'later')],
    ['a promise of an observable', async () => of('first', 'later')],
  ])('V13 see the values of %s', async (_, result) => {
    const interceptor = around((_context, next) => next.handle().pipe(map((value) => `${value}!`)));
    expect(await answerThrough(interceptor, result)).toEqual({ answer: ['later!'], called: 1 });
  });

  it('V13 may be asynchronous', async () => {
    const interceptor = around(async (_, next) => next.handle());
    expect(await answerThrough(interceptor)).toEqual({ answer: ['handled'], called: 1 });
  });

  it('V13 V6 that end without a value acknowledge nothing', async () => {
    expect(await answerThrough(around(() => of()))).toEqual({ answer: [], called: 0 });
  });

  it('V13 leave the context of the event in force', async () => {
    class ContextGateway {
      @OnEvent('event')
      @UseInterceptors(around((_, next) => next.handle().pipe(tap(() => emit('from interceptor')))))
      event() {
        emit('from handler');
        return request.sid;
      }
    }
    const running = await startApp({ providers: [ContextGateway] });
    const client = await running.connect();
    const received = inbox(client);
    expect(await ask(client, 'event')).toEqual([client.id]);
    expect(received).toEqual([['from handler'], ['from interceptor']]);
  });

  it('V13 C2 may refuse a connection by what they return', async () => {
    class RefusingGateway {
      @OnConnect()
      @UseInterceptors(around((_, next) => next.handle().pipe(map(() => false))))
      connect() {}
    }
    const running = await startApp({ providers: [RefusingGateway] });
    expect((await refusal(running.open())).message).toBe('Connection rejected by server');
  });

  describe.each([
    ['wrap what handlers return', (result: Observable<unknown>) => result.pipe(map((data) => ({ data })))],
    ['answer in place of errors', (result: Observable<unknown>) => result.pipe(catchError((error) => of({ error })))], // prettier-ignore
  ])('that %s', (kind, change) => {
    const envelope = {
      provide: APP_INTERCEPTOR,
      useValue: around((_context, next) => change(next.handle())),
    };

    it.each([
      ['false', () => false],
      ['a promise of it', async () => false],
      ['an observable of it', () => of(false)],
      ['ConnectionRefusedError', () => thrower(new ConnectionRefusedError('Connection rejected by server'))],
      ['a promise of that', async () => thrower(new ConnectionRefusedError())],
      ['an observable of that', () => throwError(() => new ConnectionRefusedError())],
    ])('V13 C2 C3 let nobody in whom @OnConnect() refuses with %s', async (_form, refuse) => {
      class RefusingGateway {
        @OnConnect()
        connect() {
          return refuse();
        }
      }
      const running = await startApp({ providers: [RefusingGateway, envelope] });
      expect((await refusal(running.open())).message).toBe('Connection rejected by server');
    });

    const numbered: PipeTransform<{ number: unknown }> = {
      transform: (auth) => (typeof auth.number === 'number' ? auth : thrower(new WsException('no number'))),
    };

    it('V13 C3 let nobody in whom a pipe refuses, or whose handler fails', async () => {
      class FailingGateway {
        @OnConnect()
        connect(@Auth(numbered) { number }: { number: number }) {
          if (number > 1) throw new Mistake();
        }

        @OnEvent('event')
        event() {
          throw new WsException('failed');
        }
      }
      const running = await startApp({ providers: [FailingGateway, envelope] });
      const withNumber = (number: unknown) => running.open('/', { auth: { number } });
      expect((await refusal(withNumber('x'))).message).toBe('no number');
      expect((await refusal(withNumber(2))).message).toBe('Internal server error');
      const client = await running.connect('/', { auth: { number: 1 } });
      const [answer] = await ask(client, 'event');
      expect(answer).toMatchObject(
        kind === 'answer in place of errors' ? { error: {} } : { message: 'failed' },
      );
    });
  });

  it('V13 C3 may let in a client whose @OnConnect() fails, with true', async () => {
    class FailingGateway {
      @OnConnect()
      @UseInterceptors(around((_, next) => next.handle().pipe(catchError(() => of(true)))))
      connect() {
        throw new Mistake();
      }
    }
    const running = await startApp({ providers: [FailingGateway] });
    expect((await running.connect()).connected).toBe(true);
  });
});

describe('the execution context', () => {
  it.each([
    ['with nothing bound, is not even made', [], false],
    ['with a guard bound, is made once', [UseGuards({ canActivate: () => true })], true],
  ])('V13 %s', async (_, decorators, made) => {
    class CountingGateway {
      @OnEvent('event')
      @applyDecorators(...decorators)
      event() {
        return Reflect.get(request, 'execution') !== undefined;
      }
    }
    const running = await startApp({ providers: [CountingGateway] });
    expect(await ask(await running.connect(), 'event')).toEqual([made]);
  });

  const Role = Reflector.createDecorator<string>();

  async function contextOf(event: 'connect' | 'event' | 'disconnect') {
    const seen: Record<string, unknown> = {};
    const guard: CanActivate = {
      canActivate(context) {
        const ws = context.switchToWs();
        const pattern = ws.getPattern();
        if (pattern !== event) return true;
        const client = ws.getClient<ServerSocket>();
        Object.assign(seen, {
          type: context.getType(),
          class: context.getClass().name,
          handler: context.getHandler().name,
          sid: client.id,
          data: ws.getData(),
          pattern,
          role: new Reflector().getAllAndOverride(Role, [context.getHandler(), context.getClass()]),
          first: context.getArgs()[0] === client && context.getArgByIndex(1) === ws.getData(),
        });
        return true;
      },
    };
    @Role('user')
    @UseGuards(guard)
    class ContextGateway {
      @OnConnect()
      onConnect() {}

      @OnEvent('event')
      @Role('admin')
      onEvent() {}

      @OnDisconnect()
      @UseGuards(guard)
      onDisconnect() {}
    }
    const running = await startApp({ providers: [ContextGateway] });
    const client = await running.connect('/', { auth: { token: 'x' } });
    const sid = client.id;
    await ask(client, 'event', 'first', 2);
    await leave(running, client);
    return { seen, sid };
  }

  it.each([
    ['connect', 'onConnect', { token: 'x' }, 'user'],
    ['event', 'onEvent', ['first', 2], 'admin'],
    ['disconnect', 'onDisconnect', 'client namespace disconnect', 'user'],
  ] as const)(
    'V13 of %s is of type ws and knows client, data, pattern, class and handler',
    async (event, handler, data, role) => {
      const { seen, sid } = await contextOf(event);
      expect(seen).toEqual({
        type: 'ws',
        class: 'ContextGateway',
        handler,
        sid,
        data,
        pattern: event,
        role,
        first: true,
      });
    },
  );
});

class AddressDto {
  @IsString()
  city!: string;
}

class UserDto {
  @IsString()
  @MinLength(2)
  name!: string;

  @ValidateNested()
  @OfType(() => AddressDto)
  address?: AddressDto;
}

class TokenDto {
  @IsInt()
  token!: number;
}

describe('ValidationPipe', () => {
  const pipe = new ValidationPipe({ transform: true, whitelist: true });

  @SocketGateway()
  class DtoGateway {
    @OnConnect('/strict')
    connect(auth: TokenDto) {
      emit('welcome', auth instanceof TokenDto);
    }

    @OnConnect('/decorated')
    connectDecorated(@Auth() auth: TokenDto) {
      emit('welcome', auth instanceof TokenDto);
    }

    @OnEvent('save')
    save(user: UserDto, @Sid() sid: string, note: string, address: AddressDto) {
      const types = [
        user instanceof UserDto,
        address instanceof AddressDto,
        user.address instanceof AddressDto,
      ];
      return { types, user, sid, note, address };
    }

    @OnEvent('body')
    body(@MessageBody() user: UserDto) {
      return user instanceof UserDto;
    }

    @OnEvent('parsed')
    parsed(@MessageBody('id', ParseIntPipe) id: number, @Query('page', ParseIntPipe) page: number) {
      return [id, page];
    }

    @OnEvent('list')
    list(@MessageBody(new ParseArrayPipe({ items: UserDto })) users: UserDto[]) {
      return users.map((user) => user instanceof UserDto);
    }
  }

  const start = () => startApp({ providers: [DtoGateway], prepare: (app) => app.useGlobalPipes(pipe) });

  it.each(['websocket', 'polling'])(
    'V13 K2 judges what an application passes as query, not what Engine.IO adds: %s',
    async (transport) => {
      class PageDto {
        @IsInt()
        @OfType(() => Number)
        page!: number;
      }
      @SocketGateway()
      class StrictGateway {
        @OnConnect()
        connect(@Query() query: PageDto) {
          emit('welcome', query.page);
        }

        @OnEvent('query')
        query(@Query() query: PageDto, @Query('transport') own: string) {
          return [Object.keys(query), query.page, own, request.query['transport']];
        }
      }
      const strict = new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true });
      const running = await startApp({
        providers: [StrictGateway],
        prepare: (app) => app.useGlobalPipes(strict),
      });
      const options = { transports: [transport], timestampRequests: true };
      const client = await running.connect('/', { ...options, query: { page: '2' } });
      expect(await ask(client, 'query')).toEqual([[['page'], 2, transport, transport]]);
      const other = running.open('/', { ...options, query: { page: '2', extra: 'x' } });
      expect((await refusal(other)).message).toBe('property extra should not exist');
    },
  );

  it('V13 validates and transforms DTO classes by position', async () => {
    const client = await (await start()).connect();
    const user = { name: 'Ann', extra: 1, address: { city: 'Rome' } };
    expect(await ask(client, 'save', user, 'a note', { city: 'Oslo' }, 'more', 4)).toEqual([
      {
        types: [true, true, true],
        user: { name: 'Ann', address: { city: 'Rome' } },
        sid: client.id,
        note: 'a note',
        address: { city: 'Oslo' },
      },
    ]);
  });

  it.each([
    [
      'the first',
      [{ name: 'A' }, 'a note', { city: 'Oslo' }],
      ['name must be longer than or equal to 2 characters'],
    ],
    ['the second', [{ name: 'Ann' }, 'a note', { city: 7 }], ['city must be a string']],
    [
      'a nested one',
      [{ name: 'Ann', address: {} }, 'a note', { city: 'Oslo' }],
      ['address.city must be a string'],
    ],
    ['a missing one', [{ name: 'Ann' }, 'a note'], ['city must be a string']],
  ])('V13 refuses %s that is wrong, and says why', async (_, values, message) => {
    const client = await (await start()).connect();
    expect(await ask(client, 'save', ...values)).toEqual([{ status: 'error', message }]);
  });

  it.each([
    ['null', null],
    ['a string', 'Ann'],
    ['a number', 7],
    ['an array', [{ name: 'Ann' }, 1]],
    ['bytes', Buffer.from('Ann')],
  ])('V13 refuses %s in place of a DTO', async (_, value) => {
    const client = await (await start()).connect();
    const [answer] = await ask(client, 'save', value, 'a note', { city: 'Oslo' });
    expect(answer).toMatchObject({ status: 'error' });
  });

  it('V13 leaves what decorators of the library give alone', async () => {
    const client = await (await start()).connect();
    const [{ sid }] = (await ask(client, 'save', { name: 'Ann' }, 'a note', { city: 'Oslo' })) as [
      { sid: string },
    ];
    expect(sid).toBe(client.id);
  });

  it.each(['/strict', '/decorated'])(
    'V13 validates what a client brings when it connects to %s',
    async (name) => {
      const running = await start();
      const refused = await refusal(running.open(name, { auth: { token: 'x' } }));
      const client = running.open(name, { auth: { token: 7 } });
      const received = inbox(client);
      await connected(client);
      await flushed(client);
      expect(refused.message).toBe('token must be an integer number');
      expect(received).toEqual([['welcome', true]]);
    },
  );

  it('V13 works on @MessageBody()', async () => {
    const client = await (await start()).connect();
    expect(await ask(client, 'body', { name: 'Ann' })).toEqual([true]);
    expect(await ask(client, 'body', { name: 1 })).toMatchObject([{ status: 'error' }]);
  });

  it('V13 pipes of a parameter transform it', async () => {
    const client = await (await start()).connect('/', { query: { page: '3' } });
    expect(await ask(client, 'parsed', { id: '7' })).toEqual([[7, 3]]);
    expect(await ask(client, 'parsed', { id: 'x' })).toEqual([
      { status: 'error', message: 'Validation failed (numeric string is expected)' },
    ]);
  });

  it('V13 ParseArrayPipe makes DTOs of an array', async () => {
    const client = await (await start()).connect();
    expect(await ask(client, 'list', [{ name: 'Ann' }, { name: 'Ben' }])).toEqual([[true, true]]);
  });

  it('V13 what a pipe throws never reaches the handler', async () => {
    const broken: PipeTransform = {
      transform() {
        throw new BadRequestException('not this');
      },
    };
    class BrokenGateway {
      called = false;

      @OnEvent('event')
      @UsePipes(broken)
      event(_value: unknown) {
        this.called = true;
      }
    }
    const running = await startApp({ providers: [BrokenGateway] });
    const answer = await ask(await running.connect(), 'event', 1);
    expect(answer).toEqual([{ status: 'error', message: 'not this' }]);
    expect(running.get(BrokenGateway).called).toBe(false);
  });
});

/** Nest 11 has none. */
const SchemaPipe = (common as Partial<typeof common>).StandardSchemaValidationPipe;

describe.skipIf(!SchemaPipe)('StandardSchemaValidationPipe, which Nest 12 brings', () => {
  const User = z.object({ name: z.string().min(2), age: z.coerce.number() });

  @SocketGateway('/schema/:id')
  @UsePipes(...(SchemaPipe ? [new SchemaPipe()] : []))
  class SchemaGateway {
    @OnConnect()
    connect(@Auth({ schema: z.object({ token: z.string() }).optional() }) auth?: { token: string }) {
      emit('welcome', auth ?? 'nobody');
    }

    @OnEvent('body')
    body(@MessageBody({ schema: User }) user: z.infer<typeof User>) {
      return user;
    }

    @OnEvent('tuple')
    tuple(@Args({ schema: z.tuple([User, z.string()]) }) values: unknown, first: unknown) {
      return [values, first];
    }

    @OnEvent('parameter')
    parameter(@Param('id', { schema: z.coerce.number() }) id: number) {
      return id;
    }

    @OnEvent('none')
    none(value: unknown) {
      return value;
    }
  }

  const start = () => startApp({ providers: [SchemaGateway] });

  it('V13 validates and transforms with zod', async () => {
    const client = await (await start()).connect('/schema/7');
    const answers = [
      await ask(client, 'body', { name: 'Ann', age: '42', extra: 1 }),
      await ask(client, 'tuple', { name: 'Ann', age: '42' }, 'x'),
      await ask(client, 'parameter'),
      await ask(client, 'none', { any: 'thing' }),
    ];
    expect(answers).toEqual([
      [{ name: 'Ann', age: 42 }],
      [[[{ name: 'Ann', age: 42 }, 'x'], { name: 'Ann', age: '42' }]],
      [7],
      [{ any: 'thing' }],
    ]);
  });

  it('V13 refuses what does not fit, and says why', async () => {
    const client = await (await start()).connect('/schema/7');
    const answers = [await ask(client, 'body', { name: 'A', age: 1 }), await ask(client, 'tuple', 1, 2)];
    expect(answers).toEqual([
      [{ status: 'error', message: [expect.stringMatching(/^name: /)] }],
      [{ status: 'error', message: [expect.stringMatching(/^0: /), expect.stringMatching(/^1: /)] }],
    ]);
  });

  it('V13 validates what a client brings when it connects', async () => {
    const running = await start();
    const refused = await refusal(running.open('/schema/7', { auth: { token: 7 } }));
    expect(refused.message).toMatch(/^token: /);
    expect((await running.connect('/schema/7', { auth: { token: 'x' } })).connected).toBe(true);
  });
});

describe('decorators of the application', () => {
  /** Wraps a method, as a decorator that knows nothing of the library does. */
  function Shouting(): MethodDecorator {
    return (_target, _name, descriptor: PropertyDescriptor) => {
      const method = descriptor.value as (...values: unknown[]) => unknown;
      descriptor.value = function shouting(this: unknown, ...values: unknown[]) {
        return String(method.apply(this, values)).toUpperCase();
      };
    };
  }

  /** Returns a descriptor of its own. */
  function Doubled() {
    return (_target: object, _name: string, descriptor: PropertyDescriptor): PropertyDescriptor => {
      const method = descriptor.value as (...values: unknown[]) => string;
      function doubled(this: unknown, ...values: unknown[]) {
        return method.apply(this, values).repeat(2);
      }
      return { ...descriptor, value: doubled };
    };
  }

  class WrappedGateway {
    readonly suffix = '!';

    @OnEvent('before')
    @Shouting()
    before(text: string) {
      return text + this.suffix;
    }

    @Shouting()
    @OnEvent('after')
    after(text: string) {
      return text + this.suffix;
    }

    @Doubled()
    @OnEvent('replaced')
    @Shouting()
    replaced(text: string) {
      return text + this.suffix;
    }

    @Shouting()
    @OnEvent('parameters')
    parameters(@Sid() sid: string, text: string) {
      return `${sid.length} ${text}`;
    }

    @SetMetadata('role', 'admin')
    @OnEvent('metadata')
    @SetMetadata('other', 1)
    metadata() {
      return [Reflect.getMetadata('role', this.metadata), Reflect.getMetadata('other', this.metadata)];
    }

    @UseGuards({ canActivate: (context) => context.switchToWs().getData() !== 'forbidden' })
    @Shouting()
    @OnEvent('guarded')
    guarded(text: string) {
      return text;
    }
  }

  it.each([
    ['before', 'hello', 'HELLO!'],
    ['after', 'hello', 'HELLO!'],
    ['replaced', 'hello', 'HELLO!HELLO!'],
    ['parameters', 'hello', '20 HELLO'],
    ['metadata', undefined, ['admin', 1]],
  ])('V9 keep working: %s', async (event, value, answer) => {
    const running = await startApp({ providers: [WrappedGateway] });
    expect(await ask(await running.connect(), event, value)).toEqual([answer]);
  });

  it('V9 V13 a guard above a decorator that wraps the method is asked', async () => {
    const running = await startApp({ providers: [WrappedGateway] });
    const client = await running.connect();
    expect([await ask(client, 'guarded', 'fine'), await ask(client, 'guarded', 'forbidden')]).toEqual([
      ['FINE'],
      [{ status: 'error', message: 'Forbidden resource' }],
    ]);
  });

  it('V9 one that composes others works', async () => {
    const AdminEvent = (name: string) =>
      applyDecorators(OnEvent(name), Shouting(), UseGuards({ canActivate: () => true }));
    class ComposedGateway {
      @AdminEvent('composed')
      composed(text: string) {
        return text;
      }
    }
    const running = await startApp({ providers: [ComposedGateway] });
    expect(await ask(await running.connect(), 'composed', 'hello')).toEqual(['HELLO']);
  });
});
