import {
  Catch,
  Controller,
  forwardRef,
  Get,
  Inject,
  Injectable,
  Module,
  Optional,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, ContextIdFactory, INQUIRER, ModuleRef, REQUEST } from '@nestjs/core';
import {
  emit,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketIO,
  SocketRequest,
  SocketSession,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, flushed, refusal, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

const EACH_EVENT = { scope: Scope.REQUEST } as const;
const EACH_CONNECTION = { scope: Scope.REQUEST, durable: true } as const;

/** The first event is built by Nest's container, later ones may be built without it: all are looked at. */
const ROUNDS = 4;

async function rounds<T>(round: (number: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let number = 0; number < ROUNDS; number++) results.push(await round(number));
  return results;
}

const each = <T>(make: (number: number) => T): T[] =>
  Array.from({ length: ROUNDS }, (_, index) => make(index));

describe('the event, injected', () => {
  it('K8 is SocketRequest, the same object as request', async () => {
    @SocketGateway('/', EACH_EVENT)
    class EventGateway {
      constructor(private readonly own: SocketRequest) {}

      @OnEvent('who')
      who(number: number) {
        return [
          this.own.sid,
          this.own.namespace,
          this.own.event.args,
          this.own.globals === request.globals,
          number,
        ];
      }
    }
    const app = await startApp({ providers: [EventGateway] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'who', number));

    expect(answers).toEqual(each((number) => [[client.id, '/', [number], true, number]]));
  });

  it('K8 is REQUEST, the same object as SocketRequest', async () => {
    @SocketGateway('/', EACH_EVENT)
    class EventGateway {
      constructor(
        private readonly own: SocketRequest,
        @Inject(REQUEST) private readonly nests: unknown,
      ) {}

      @OnEvent('same')
      same() {
        return this.own === this.nests && this.own instanceof SocketRequest;
      }
    }
    const app = await startApp({ providers: [EventGateway] });
    const client = await app.connect();

    expect(await rounds(() => ask(client, 'same'))).toEqual(each(() => [true]));
  });

  it('K8 has its session injected as SocketSession', async () => {
    @SocketGateway('/', EACH_EVENT)
    class SessionGateway {
      constructor(private readonly own: SocketSession) {}

      @OnEvent('count')
      count() {
        this.own['count'] = Number(this.own['count'] ?? 0) + 1;
        return [session['count'], this.own instanceof SocketSession];
      }
    }
    const app = await startApp({ providers: [SessionGateway] });
    const client = await app.connect();

    expect(await rounds(() => ask(client, 'count'))).toEqual(each((number) => [[number + 1, true]]));
  });

  it.each([
    ['connect', 'connect'],
    ['disconnect', 'disconnect'],
  ])('K8 may be %s', async (_, event) => {
    const seen = new Journal<unknown>();
    @SocketGateway('/', EACH_EVENT)
    class LifecycleGateway {
      constructor(private readonly own: SocketRequest) {}

      @OnConnect()
      @OnDisconnect()
      changed() {
        seen.add(this.own.event.message);
      }
    }
    const app = await startApp({ providers: [LifecycleGateway] });
    const client = await app.connect();

    client.disconnect();

    expect(await seen.has(event)).toContain(event);
  });
});

describe('a request-scoped provider', () => {
  /** A gateway of request scope in front of one and of three classes of request scope. */
  function countingProviders() {
    const built: string[] = [];
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(readonly own: SocketRequest) {
        built.push('Unit');
      }
    }
    @Injectable(EACH_EVENT)
    class Orders {
      constructor(readonly unit: Unit) {
        built.push('Orders');
      }
    }
    @Injectable(EACH_EVENT)
    class Stock {
      constructor(
        readonly unit: Unit,
        readonly orders: Orders,
      ) {
        built.push('Stock');
      }
    }
    return { built, Unit, Orders, Stock };
  }

  it('K8 makes a gateway request-scoped', async () => {
    const { Unit } = countingProviders();
    const instances = new Set<unknown>();
    @SocketGateway()
    class UnitGateway {
      constructor(@Inject(Unit) readonly unit: object) {}

      @OnEvent('act')
      act() {
        instances.add(this);
        instances.add(this.unit);
        return (this.unit as { own: SocketRequest }).own.sid;
      }
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const client = await app.connect();

    const answers = await rounds(() => ask(client, 'act'));

    expect(answers).toEqual(each(() => [client.id]));
    expect(instances.size).toBe(2 * ROUNDS);
  });

  it('K8 is built once per event and shared by all that need it', async () => {
    const { built, Unit, Orders, Stock } = countingProviders();
    @SocketGateway()
    class ShopGateway {
      constructor(
        @Inject(Unit) readonly unit: object,
        @Inject(Orders) readonly orders: { unit: object },
        @Inject(Stock) readonly stock: { unit: object; orders: object },
      ) {}

      @OnEvent('act')
      act() {
        const { unit, orders, stock } = this;
        return unit === orders.unit && unit === stock.unit && orders === stock.orders;
      }
    }
    const app = await startApp({ providers: [ShopGateway, Unit, Orders, Stock] });
    const client = await app.connect();

    const answers = await rounds(async () => {
      built.length = 0;
      const [shared] = await ask(client, 'act');
      return [shared, built.toSorted()];
    });

    expect(answers).toEqual(each(() => [true, ['Orders', 'Stock', 'Unit']]));
  });

  it('K8 is built for each event anew', async () => {
    const seen = new Set<unknown>();
    const { Unit } = countingProviders();
    @SocketGateway()
    class UnitGateway {
      constructor(@Inject(Unit) readonly unit: object) {}

      @OnEvent('first')
      @OnEvent('second')
      act() {
        seen.add(this.unit);
      }
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const client = await app.connect();

    await rounds((number) => ask(client, number % 2 ? 'first' : 'second'));

    expect(seen.size).toBe(ROUNDS);
  });

  it('K8 is not built while the application starts', async () => {
    const { built, Unit } = countingProviders();
    @SocketGateway()
    class UnitGateway {
      constructor(@Inject(Unit) readonly unit: object) {}

      @OnEvent('act')
      act() {}
    }

    await startApp({ providers: [UnitGateway, Unit] });

    expect(built).toEqual([]);
  });

  it('K8 does not make gateways that do without it request-scoped', async () => {
    const { Unit } = countingProviders();
    const instances = new Set<unknown>();
    @SocketGateway()
    class StaticGateway {
      @OnEvent('act')
      act() {
        instances.add(this);
      }
    }
    const app = await startApp({ providers: [StaticGateway, Unit] });
    const client = await app.connect();

    await rounds(() => ask(client, 'act'));

    expect(instances.size).toBe(1);
  });

  it('K8 may stand in another module', async () => {
    const { Unit } = countingProviders();
    @Module({ providers: [Unit], exports: [Unit] })
    class UnitModule {}
    @SocketGateway()
    class UnitGateway {
      constructor(@Inject(Unit) readonly unit: { own: SocketRequest }) {}

      @OnEvent('act')
      act(number: number) {
        return [this.unit.own.event.args[0], number];
      }
    }
    const app = await startApp({ imports: [UnitModule], providers: [UnitGateway] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'act', number));

    expect(answers).toEqual(each((number) => [[number, number]]));
  });

  it('K8 of 100 events at the same time does not mix', async () => {
    const all = new Gate();
    let started = 0;
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(readonly own: SocketRequest) {}
    }
    @SocketGateway()
    class UnitGateway {
      constructor(readonly unit: Unit) {}

      @OnEvent('act')
      async act(number: number) {
        started += 1;
        if (started === 100) all.open();
        await all.opened;
        return [number, this.unit.own.event.args[0], request.event.args[0], this.unit.own.sid];
      }
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const clients = await Promise.all(Array.from({ length: 4 }, () => app.connect()));
    const of = (number: number) => clients[number % 4]!;
    const numbers = Array.from({ length: 100 }, (_, number) => number);

    const answers = await Promise.all(numbers.map((number) => ask(of(number), 'act', number)));

    expect(answers).toEqual(numbers.map((number) => [[number, number, number, of(number).id]]));
  });

  it('K8 that cannot be built goes to the error handler, at the first event and later', async () => {
    @Injectable(EACH_EVENT)
    class Broken {
      constructor(own: SocketRequest) {
        throw new Error(`broken for ${own.event.message}`);
      }
    }
    @SocketGateway()
    class BrokenGateway {
      constructor(readonly broken: Broken) {}

      @OnEvent('act')
      act() {}
    }
    @SocketGateway()
    class ErrorGateway {
      @OnError()
      failed(error: Error) {
        return error.message;
      }
    }
    const app = await startApp({ providers: [BrokenGateway, ErrorGateway, Broken] });
    const client = await app.connect();

    expect(await rounds(() => ask(client, 'act'))).toEqual(each(() => ['broken for act']));
  });

  it('K8 that cannot be built for one event is built for the next', async () => {
    @Injectable(EACH_EVENT)
    class Moody {
      constructor(own: SocketRequest) {
        if (own.event.args[0] === 'bad') throw new Error('broken');
      }
    }
    @SocketGateway()
    class MoodyGateway {
      constructor(readonly moody: Moody) {}

      @OnEvent('act')
      act() {
        return 'fine';
      }
    }
    const app = await startApp({ providers: [MoodyGateway, Moody] });
    const client = await app.connect();

    const answers = [];
    for (const mood of ['bad', 'good', 'bad', 'good']) answers.push(...(await ask(client, 'act', mood)));

    const failed = { status: 'error', message: 'Internal server error' };
    expect(answers).toEqual([failed, 'fine', failed, 'fine']);
  });
});

describe('every form of provider', () => {
  const UNIT = 'UNIT';
  interface Unit {
    number: unknown;
  }
  @Injectable(EACH_EVENT)
  class UnitOfClass implements Unit {
    constructor(@Inject(REQUEST) private readonly own: SocketRequest) {}
    get number() {
      return this.own.event.args[0];
    }
  }
  @Injectable(EACH_EVENT)
  class UnitWithProperty implements Unit {
    @Inject(SocketRequest) private readonly own!: SocketRequest;
    get number() {
      return this.own.event.args[0];
    }
  }
  @Injectable(EACH_EVENT)
  class UnitWithOptional implements Unit {
    constructor(
      private readonly own: SocketRequest,
      @Optional() @Inject('MISSING') readonly missing?: unknown,
    ) {}
    get number() {
      return this.missing === undefined ? this.own.event.args[0] : 'not missing';
    }
  }
  @Injectable(EACH_EVENT)
  class UnitWithDefault implements Unit {
    constructor(
      @Optional() @Inject('MISSING') readonly missing: unknown = 'default',
      @Inject(SocketRequest) private readonly own: SocketRequest,
    ) {}
    get number() {
      return this.missing === 'default' ? this.own.event.args[0] : 'no default';
    }
  }
  @Injectable(EACH_EVENT)
  class DerivedUnit extends UnitOfClass {}
  @Injectable({ scope: Scope.TRANSIENT })
  class TransientUnit implements Unit {
    constructor(private readonly own: SocketRequest) {}
    get number() {
      return this.own.event.args[0];
    }
  }
  @Injectable(EACH_EVENT)
  class UnitWithTransient implements Unit {
    constructor(private readonly transient: TransientUnit) {}
    get number() {
      return this.transient.number;
    }
  }
  @Injectable({ scope: Scope.TRANSIENT })
  class Inquired {
    constructor(@Inject(INQUIRER) readonly inquirer: object) {}
  }
  @Injectable(EACH_EVENT)
  class UnitThatInquires implements Unit {
    constructor(
      private readonly own: SocketRequest,
      private readonly inquired: Inquired,
    ) {}
    get number() {
      return this.inquired.inquirer instanceof UnitThatInquires ? this.own.event.args[0] : 'no inquirer';
    }
  }
  @Injectable()
  class UnitWithoutScope implements Unit {
    constructor(@Inject(UnitOfClass) private readonly unit: Unit) {}
    get number() {
      return this.unit.number;
    }
  }
  @Injectable(EACH_EVENT)
  class UnitWithModuleRef implements Unit {
    constructor(
      private readonly own: SocketRequest,
      private readonly modules: ModuleRef,
    ) {}
    get number() {
      return this.modules.get(SocketIO, { strict: false }) ? this.own.event.args[0] : 'no module';
    }
  }

  const forms: [string, Provider[]][] = [
    ['a class', [{ provide: UNIT, useClass: UnitOfClass, ...EACH_EVENT }]],
    ['a class without a scope of its own', [UnitOfClass, { provide: UNIT, useClass: UnitWithoutScope }]],
    ['a class that inherits its constructor', [{ provide: UNIT, useClass: DerivedUnit, ...EACH_EVENT }]],
    ['a class with an injected property', [{ provide: UNIT, useClass: UnitWithProperty, ...EACH_EVENT }]],
    [
      'a class that misses something optional',
      [{ provide: UNIT, useClass: UnitWithOptional, ...EACH_EVENT }],
    ],
    ['a class with a default', [{ provide: UNIT, useClass: UnitWithDefault, ...EACH_EVENT }]],
    ['an alias', [UnitOfClass, { provide: UNIT, useExisting: UnitOfClass }]],
    [
      'a factory',
      [
        {
          provide: UNIT,
          ...EACH_EVENT,
          inject: [SocketRequest],
          useFactory: (own: SocketRequest): Unit => ({ number: own.event.args[0] }),
        },
      ],
    ],
    [
      'an asynchronous factory',
      [
        {
          provide: UNIT,
          ...EACH_EVENT,
          inject: [REQUEST],
          useFactory: async (own: SocketRequest): Promise<Unit> => {
            await new Promise((resolve) => setImmediate(resolve));
            return { number: own.event.args[0] };
          },
        },
      ],
    ],
    [
      'a factory of what another provides',
      [UnitOfClass, { provide: UNIT, inject: [UnitOfClass], useFactory: (unit: Unit): Unit => unit }],
    ],
    ['a transient class', [{ provide: UNIT, useClass: TransientUnit, scope: Scope.TRANSIENT }]],
    [
      'a class with a transient one',
      [TransientUnit, { provide: UNIT, useClass: UnitWithTransient, ...EACH_EVENT }],
    ],
    ['a class that is an inquirer', [Inquired, { provide: UNIT, useClass: UnitThatInquires, ...EACH_EVENT }]],
    ['a class with a static one', [{ provide: UNIT, useClass: UnitWithModuleRef, ...EACH_EVENT }]],
  ];

  it.each(forms)('K8 knows its event: %s', async (_, providers) => {
    @SocketGateway()
    class UnitGateway {
      constructor(@Inject(UNIT) readonly unit: Unit) {}

      @OnEvent('act')
      act() {
        return this.unit.number;
      }
    }
    const app = await startApp({ providers: [UnitGateway, ...providers] });
    const client = await app.connect();

    expect(await rounds((number) => ask(client, 'act', number))).toEqual(each((number) => [number]));
  });

  it.each(forms)('K8 knows its event among others at the same time: %s', async (_, providers) => {
    @SocketGateway()
    class UnitGateway {
      constructor(@Inject(UNIT) readonly unit: Unit) {}

      @OnEvent('act')
      async act() {
        await new Promise((resolve) => setImmediate(resolve));
        return this.unit.number;
      }
    }
    const app = await startApp({ providers: [UnitGateway, ...providers] });
    const client = await app.connect();
    const numbers = Array.from({ length: 20 }, (__, number) => number);

    const answers = await Promise.all(numbers.map((number) => ask(client, 'act', number)));

    expect(answers).toEqual(numbers.map((number) => [number]));
  });

  const shared = forms.filter(([form]) => form !== 'a transient class');

  it.each(shared)('K8 is one instance per event: %s', async (_, providers) => {
    @Injectable(EACH_EVENT)
    class Neighbour {
      constructor(@Inject(UNIT) readonly unit: Unit) {}
    }
    const seen = new Set<Unit>();
    @SocketGateway()
    class UnitGateway {
      constructor(
        @Inject(UNIT) readonly unit: Unit,
        readonly neighbour: Neighbour,
      ) {}

      @OnEvent('act')
      act() {
        seen.add(this.unit);
        return this.unit === this.neighbour.unit;
      }
    }
    const app = await startApp({ providers: [UnitGateway, Neighbour, ...providers] });
    const client = await app.connect();

    const answers = await rounds(() => ask(client, 'act'));

    expect(answers).toEqual(each(() => [true]));
    expect(seen.size).toBe(ROUNDS);
  });

  it('K8 may refer to each other through forwardRef', async () => {
    @Injectable(EACH_EVENT)
    class Chicken {
      constructor(
        @Inject(forwardRef(() => Egg)) readonly egg: object,
        readonly own: SocketRequest,
      ) {}
    }
    @Injectable(EACH_EVENT)
    class Egg {
      constructor(@Inject(forwardRef(() => Chicken)) readonly chicken: Chicken) {}
    }
    @SocketGateway()
    class FarmGateway {
      constructor(@Inject(Egg) readonly first: Egg) {}

      @OnEvent('act')
      act() {
        const { chicken } = this.first;
        return [chicken.own.event.args[0], chicken.egg === this.first];
      }
    }
    const app = await startApp({ providers: [FarmGateway, Chicken, Egg] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'act', number));

    expect(answers).toEqual(each((number) => [[number, true]]));
  });

  it('K8 is the gateway itself, under a token', async () => {
    class MadeGateway {
      constructor(@Inject(SocketRequest) readonly own: SocketRequest) {}

      @OnEvent('act')
      act() {
        return this.own.event.args[0];
      }
    }
    const app = await startApp({
      providers: [{ provide: 'GATEWAY', useClass: MadeGateway, ...EACH_EVENT }],
    });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'act', number));

    expect(answers).toEqual(each((number) => [number]));
  });
});

describe('what takes part in an event', () => {
  interface Seen {
    [who: string]: unknown;
  }

  /** A unit of work, and a guard, pipe, interceptor and filter that note which one they got. */
  function participants(seen: Seen[]) {
    @Injectable(EACH_EVENT)
    class Unit {
      readonly seen: Seen = {};
      constructor(readonly own: SocketRequest) {
        seen.push(this.seen);
      }
    }
    @Injectable(EACH_EVENT)
    class UnitGuard implements CanActivate {
      constructor(@Inject(Unit) private readonly unit: Unit) {}
      canActivate() {
        this.unit.seen['guard'] = this.unit.own.event.args[0];
        return true;
      }
    }
    @Injectable(EACH_EVENT)
    class UnitPipe implements PipeTransform {
      constructor(@Inject(Unit) private readonly unit: Unit) {}
      transform(value: unknown) {
        this.unit.seen['pipe'] = this.unit.own.event.args[0];
        return value;
      }
    }
    @Injectable(EACH_EVENT)
    class UnitInterceptor implements NestInterceptor {
      constructor(@Inject(Unit) private readonly unit: Unit) {}
      intercept(_context: ExecutionContext, next: CallHandler) {
        this.unit.seen['interceptor'] = this.unit.own.event.args[0];
        return next.handle();
      }
    }
    @Catch()
    @Injectable(EACH_EVENT)
    class UnitFilter implements ExceptionFilter {
      constructor(@Inject(Unit) private readonly unit: Unit) {}
      catch() {
        this.unit.seen['filter'] = this.unit.own.event.args[0];
        return 'caught';
      }
    }
    return { Unit, UnitGuard, UnitPipe, UnitInterceptor, UnitFilter };
  }

  it('K8 shares one instance: guard, interceptor, pipe, gateway and filter', async () => {
    const seen: Seen[] = [];
    const { Unit, UnitGuard, UnitPipe, UnitInterceptor, UnitFilter } = participants(seen);
    @SocketGateway()
    class UnitGateway {
      constructor(@Inject(Unit) readonly unit: InstanceType<typeof Unit>) {}

      @UseGuards(UnitGuard)
      @UseInterceptors(UnitInterceptor)
      @UsePipes(UnitPipe)
      @UseFilters(UnitFilter)
      @OnEvent('act')
      act(number: number) {
        this.unit.seen['gateway'] = number;
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'act', number));

    const all = (number: number) => ({
      guard: number,
      interceptor: number,
      pipe: number,
      gateway: number,
      filter: number,
    });
    expect(seen).toEqual(each(all));
    expect(answers).toEqual(each(() => ['caught']));
  });

  it('K8 shares one instance between an event and its error handler', async () => {
    @Injectable(EACH_EVENT)
    class Unit {
      steps: string[] = [];
    }
    @SocketGateway()
    class UnitGateway {
      constructor(readonly unit: Unit) {}

      @OnEvent('act')
      act() {
        this.unit.steps.push('event');
        throw new Error('broken');
      }

      @OnError()
      failed() {
        this.unit.steps.push('error');
        return this.unit.steps;
      }
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const client = await app.connect();

    expect(await rounds(() => ask(client, 'act'))).toEqual(each(() => [['event', 'error']]));
  });

  it('K8 shares one instance between an event that needs a factory and an error handler that does not', async () => {
    @Injectable(EACH_EVENT)
    class Unit {
      steps: string[] = [];
    }
    @SocketGateway()
    class FactoryGateway {
      constructor(
        readonly unit: Unit,
        @Inject('MADE') readonly made: unknown,
      ) {}

      @OnEvent('act')
      act() {
        this.unit.steps.push('event');
        throw new Error('broken');
      }
    }
    @SocketGateway()
    class ErrorGateway {
      constructor(readonly unit: Unit) {}

      @OnError()
      failed() {
        this.unit.steps.push('error');
        return this.unit.steps;
      }
    }
    const made = { provide: 'MADE', ...EACH_EVENT, inject: [SocketRequest], useFactory: () => 'made' };
    const app = await startApp({ providers: [FactoryGateway, ErrorGateway, Unit, made] });
    const client = await app.connect();

    expect(await rounds(() => ask(client, 'act'))).toEqual(each(() => [['event', 'error']]));
  });

  it.each([
    ['static', {}],
    ['request-scoped', EACH_EVENT],
  ])('K8 has a request-scoped APP_GUARD, with a %s gateway', async (_, scope) => {
    const guarded = new Set<unknown>();
    @Injectable(EACH_EVENT)
    class AppGuard implements CanActivate {
      constructor(private readonly own: SocketRequest) {}
      canActivate() {
        guarded.add(this);
        return this.own.event.args[0] !== 'forbidden';
      }
    }
    @SocketGateway('/', scope)
    class GuardedGateway {
      @OnEvent('act')
      act() {
        return 'allowed';
      }
    }
    const app = await startApp({ providers: [GuardedGateway, { provide: APP_GUARD, useClass: AppGuard }] });
    const client = await app.connect();

    const answers = await rounds(async () => [
      ...(await ask(client, 'act', 'fine')),
      ...(await ask(client, 'act', 'forbidden')),
    ]);

    const refused = { status: 'error', message: 'Forbidden resource' };
    expect(answers).toEqual(each(() => ['allowed', refused]));
    expect(guarded.size).toBe(2 * ROUNDS);
  });

  it('K8 has a request-scoped APP_FILTER, with a static gateway', async () => {
    @Catch()
    @Injectable(EACH_EVENT)
    class AppFilter implements ExceptionFilter {
      constructor(private readonly own: SocketRequest) {}
      catch() {
        return this.own.event.args[0];
      }
    }
    @SocketGateway()
    class FailingGateway {
      @OnEvent('act')
      act() {
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [FailingGateway, { provide: APP_FILTER, useClass: AppFilter }] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'act', number));

    expect(answers).toEqual(each((number) => [number]));
  });

  it.each([
    ['at its start', true],
    ['at its end', false],
  ])('K8 finds its own instances through moduleRef.resolve() %s', async (_, early) => {
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(readonly own: SocketRequest) {}
    }
    @Injectable(EACH_EVENT)
    class Early {
      constructor(readonly modules: ModuleRef) {}
      async canActivate() {
        if (early)
          await this.modules.resolve(SocketSession, ContextIdFactory.getByRequest(request), {
            strict: false,
          });
        return true;
      }
    }
    @SocketGateway()
    @UseGuards(Early)
    class UnitGateway {
      constructor(
        readonly unit: Unit,
        readonly modules: ModuleRef,
      ) {}

      @OnEvent('act')
      async act() {
        const contextId = ContextIdFactory.getByRequest(request);
        const resolved = await this.modules.resolve(Unit, contextId);
        return [resolved === this.unit, resolved.own.event.args[0]];
      }
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'act', number));

    expect(answers).toEqual(each((number) => [[true, number]]));
  });

  it('K8 finds what only moduleRef.resolve() asks for, in a static gateway', async () => {
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(readonly own: SocketRequest) {}
    }
    @SocketGateway()
    class StaticGateway {
      constructor(readonly modules: ModuleRef) {}

      @OnEvent('act')
      async act() {
        const contextId = ContextIdFactory.getByRequest(request);
        const [first, second] = await Promise.all([
          this.modules.resolve(Unit, contextId),
          this.modules.resolve(Unit, contextId),
        ]);
        return [first === second, first.own.event.args[0]];
      }
    }
    const app = await startApp({ providers: [StaticGateway, Unit] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'act', number));

    expect(answers).toEqual(each((number) => [[true, number]]));
  });
});

describe('a durable provider', () => {
  it('K8 is one per client and namespace', async () => {
    let built = 0;
    @Injectable(EACH_CONNECTION)
    class Counter {
      readonly id = ++built;
      count = 0;
    }
    @SocketGateway('*')
    class CounterGateway {
      constructor(readonly counter: Counter) {}

      @OnEvent('count')
      count() {
        return [this.counter.id, ++this.counter.count];
      }
    }
    const app = await startApp({
      providers: [CounterGateway, Counter],
      options: { namespaces: ['/', '/chat'] },
    });
    const client = await app.connect('/');
    const elsewhere = await app.also(client, '/chat');
    const stranger = await app.connect('/');

    const answers = [];
    for (const one of [client, client, client, elsewhere, elsewhere, stranger, client])
      answers.push(...(await ask(one, 'count')));

    expect(answers).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
      [2, 2],
      [3, 1],
      [1, 4],
    ]);
  });

  it('K8 is one per client, also for its first events at the same time', async () => {
    @Injectable(EACH_CONNECTION)
    class Counter {
      count = 0;
    }
    @SocketGateway()
    class CounterGateway {
      constructor(readonly counter: Counter) {}

      @OnEvent('count')
      count() {
        return ++this.counter.count;
      }
    }
    const app = await startApp({ providers: [CounterGateway, Counter] });
    const clients = await Promise.all(Array.from({ length: 3 }, () => app.connect()));

    const answers = await Promise.all(
      clients.map((client) => Promise.all(Array.from({ length: 5 }, () => ask(client, 'count')))),
    );

    expect(answers.map((counts) => counts.flat().toSorted())).toEqual(clients.map(() => [1, 2, 3, 4, 5]));
  });

  it('K8 is shared by connect, events and disconnect', async () => {
    const steps = new Journal<unknown>();
    @Injectable(EACH_CONNECTION)
    class Diary {
      readonly lines: unknown[] = [];
    }
    @SocketGateway()
    class DiaryGateway {
      constructor(readonly diary: Diary) {}

      @OnConnect()
      connect() {
        this.diary.lines.push('connect');
      }

      @OnEvent('write')
      write(line: string) {
        this.diary.lines.push(line);
      }

      @OnDisconnect()
      left() {
        steps.add(this.diary.lines);
      }
    }
    const app = await startApp({ providers: [DiaryGateway, Diary] });
    const client = await app.connect();
    await ask(client, 'write', 'one');
    await ask(client, 'write', 'two');

    client.disconnect();

    expect(await steps.reached(1)).toEqual([['connect', 'one', 'two']]);
  });

  it('K8 may be injected beside request-scoped ones', async () => {
    @Injectable(EACH_CONNECTION)
    class Counter {
      count = 0;
    }
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(
        readonly own: SocketRequest,
        readonly counter: Counter,
      ) {}
    }
    @SocketGateway()
    class CounterGateway {
      constructor(
        readonly counter: Counter,
        readonly unit: Unit,
      ) {}

      @OnEvent('count')
      count() {
        this.counter.count += 1;
        return [this.unit.counter.count, this.unit.own.event.args[0]];
      }
    }
    const app = await startApp({ providers: [CounterGateway, Counter, Unit] });
    const client = await app.connect();

    const answers = await rounds((number) => ask(client, 'count', number));

    expect(answers).toEqual(each((number) => [[number + 1, number]]));
  });

  it.each([
    ['SocketRequest', SocketRequest],
    ['REQUEST', REQUEST],
  ])('K8 knows its client through %s', async (_, token) => {
    @Injectable(EACH_CONNECTION)
    class Owner {
      readonly sid: string;
      constructor(@Inject(token) own: SocketRequest) {
        this.sid = own.sid;
      }
    }
    @SocketGateway()
    class OwnerGateway {
      constructor(readonly owner: Owner) {}

      @OnEvent('who')
      who() {
        return this.owner.sid;
      }
    }
    const app = await startApp({ providers: [OwnerGateway, Owner] });
    const clients = await Promise.all([app.connect(), app.connect()]);

    const answers = await rounds((number) => ask(clients[number % 2]!, 'who'));

    expect(answers).toEqual(each((number) => [clients[number % 2]!.id]));
  });
});

describe('cleaning up', () => {
  const unknown = () => {
    throw new Error('unknown property');
  };

  /** An application whose request-scoped provider notes its end. */
  async function cleaningApp(act: (number: number) => unknown) {
    const steps = new Journal<string>();
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(readonly own: SocketRequest) {}
      #number = () => this.own.event.args[0] ?? this.own.event.message;
      onEventEnd() {
        steps.add(`end of ${this.#number()}`);
      }
      async [Symbol.asyncDispose]() {
        await Promise.resolve();
        steps.add(`disposal of ${this.#number()}`);
      }
    }
    @SocketGateway()
    class UnitGateway {
      constructor(readonly unit: Unit) {}

      @OnEvent('act')
      act(number: number) {
        steps.add(`event ${number}`);
        return act(number);
      }
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    return { app, steps };
  }

  it.each([
    ['ends', () => 'fine'],
    ['resolves', () => Promise.resolve('fine')],
    ['throws', () => { throw new Error('broken'); }], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('K8 calls onEventEnd and then asyncDispose, once, when a handler %s', async (_, act) => {
    const { app, steps } = await cleaningApp(act);
    const client = await app.connect();

    await rounds((number) => ask(client, 'act', number).then(() => steps.has(`disposal of ${number}`)));

    expect(steps.entries).toEqual(
      each((number) => [`event ${number}`, `end of ${number}`, `disposal of ${number}`]).flat(),
    );
  });

  it('K8 waits for the end of the handler', async () => {
    const gate = new Gate();
    const { app, steps } = await cleaningApp(() => gate.opened);
    const client = await app.connect();
    const answer = ask(client, 'act', 1);
    await flushed(client);
    const before = [...steps.entries];

    gate.open();
    await answer;
    await steps.has('disposal of 1');

    expect(before).toEqual(['event 1']);
  });

  it.each([
    ['connect', (steps: Journal) => steps.has('end of connect')],
    ['disconnect', (steps: Journal) => steps.has('end of disconnect')],
  ])('K8 calls onEventEnd after %s', async (event, ended) => {
    const steps = new Journal();
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(readonly own: SocketRequest) {}
      onEventEnd() {
        steps.add(`end of ${this.own.event.message}`);
      }
    }
    @SocketGateway()
    class UnitGateway {
      constructor(readonly unit: Unit) {}

      @OnConnect()
      @OnDisconnect()
      changed() {}
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const client = await app.connect();
    client.disconnect();

    expect(await ended(steps)).toContain(`end of ${event}`);
  });

  it.each([
    ['for an event', EACH_EVENT],
    ['for a connection', EACH_CONNECTION],
  ])('K8 leaves alone what a factory hands out %s: it may be shared', async (_, scope) => {
    const steps = new Journal<unknown>();
    const shared = {
      isOpen: true,
      onEventEnd: () => steps.add('end'),
      onConnectionEnd: () => steps.add('end'),
      [Symbol.asyncDispose]: async () => void (shared.isOpen = false),
    };
    @Injectable(scope)
    class Unit {
      onEventEnd() {
        steps.add('unit');
      }
      onConnectionEnd() {
        steps.add('unit');
      }
    }
    @SocketGateway()
    class UnitGateway {
      constructor(
        @Inject('DATABASE') private readonly database: typeof shared,
        @Inject('ALIAS') readonly alias: typeof shared,
        readonly unit: Unit,
      ) {}

      @OnEvent('act')
      act() {
        return this.database.isOpen && this.alias === this.database;
      }
    }
    const app = await startApp({
      providers: [
        UnitGateway,
        Unit,
        { provide: 'DATABASE', ...scope, inject: [SocketRequest], useFactory: () => shared },
        { provide: 'ALIAS', useExisting: 'DATABASE' },
      ],
    });
    const client = await app.connect();
    const answers = await rounds(() => ask(client, 'act'));
    client.disconnect();
    await steps.has('unit');

    expect(answers).toEqual(each(() => [true]));
    expect([shared.isOpen, new Set(steps.entries)]).toEqual([true, new Set(['unit'])]);
  });

  it.each([
    [
      'a stub that makes something of every property',
      { get: (asked: string[], key: string) => () => void asked.push(key) },
    ],
    ['a proxy that does not know them', { get: unknown, has: unknown }],
  ])('K8 X4 leaves %s alone, and the process lives', async (_, traps) => {
    const asked: string[] = [];
    const trapped = (trap?: (asked: string[], key: string) => unknown) => ({
      trap: (target: object, key: string | symbol) =>
        trap && /onEventEnd|dispose/i.test(String(key)) ? trap(asked, String(key)) : Reflect.get(target, key),
    });
    @Injectable(EACH_EVENT)
    class Stub {
      constructor() {
        const { get, has } = traps as Record<string, () => unknown>;
        return new Proxy(this, {
          get: trapped(get).trap,
          has: has ? (target, key) => Boolean(trapped(has).trap(target, key)) : Reflect.has,
        });
      }
    }
    @SocketGateway()
    class StubGateway {
      constructor(readonly stub: Stub) {}

      @OnEvent('act')
      act() {
        return 'fine';
      }
    }
    const app = await startApp({ providers: [StubGateway, Stub] });
    const client = await app.connect();

    expect(await rounds(() => ask(client, 'act'))).toEqual(each(() => ['fine']));
    expect(asked).toEqual([]);
    expect(app.log.of('error')).toEqual([]);
  });

  it('K8 calls onEventEnd beside a factory that made nothing', async () => {
    const steps = new Journal<unknown>();
    @Injectable(EACH_EVENT)
    class Unit {
      onEventEnd() {
        steps.add('end');
      }
    }
    @SocketGateway()
    class UnitGateway {
      constructor(
        @Inject('NOTHING') readonly nothing: null,
        readonly unit: Unit,
      ) {}

      @OnEvent('act')
      act() {}
    }
    const app = await startApp({
      providers: [
        UnitGateway,
        Unit,
        { provide: 'NOTHING', ...EACH_EVENT, inject: [SocketRequest], useFactory: () => null },
      ],
    });
    const client = await app.connect();

    await ask(client, 'act');

    expect(await steps.reached(1)).toEqual(['end']);
  });

  it('K8 logs what a hook throws, and calls the others', async () => {
    const ended = new Journal();
    @Injectable(EACH_EVENT)
    class First {
      onEventEnd() {
        throw new Error('broken');
      }
    }
    @Injectable(EACH_EVENT)
    class Second {
      onEventEnd() {
        ended.add('second');
      }
    }
    @SocketGateway()
    class UnitGateway {
      constructor(
        readonly first: First,
        readonly second: Second,
      ) {}

      @OnEvent('act')
      act() {}
    }
    const app = await startApp({ providers: [UnitGateway, First, Second] });
    const client = await app.connect();
    await ask(client, 'act');
    await ended.reached(1);

    expect(app.log.of('error')).toEqual([expect.stringMatching(/First\.onEventEnd\(\).*broken/)]);
  });

  it('K8 gives the hook the context of its event', async () => {
    @Injectable(EACH_EVENT)
    class Unit {
      onEventEnd() {
        emit('ended', request.event.args[0]);
      }
    }
    @SocketGateway()
    class UnitGateway {
      constructor(readonly unit: Unit) {}

      @OnEvent('act')
      act() {}
    }
    const app = await startApp({ providers: [UnitGateway, Unit] });
    const client = await app.connect();
    const ended = new Journal<unknown>();
    client.on('ended', ended.add);

    await rounds((number) => ask(client, 'act', number));

    expect(await ended.reached(ROUNDS)).toEqual(each((number) => number));
  });

  it('K8 lets the application wait for the hook when it ends', async () => {
    @Injectable(EACH_EVENT)
    class Unit {
      onEventEnd = () => new Gate().opened;
    }
    @SocketGateway()
    class UnitGateway {
      constructor(readonly unit: Unit) {}

      @OnEvent('act')
      act() {}
    }
    const app = await startApp({ providers: [UnitGateway, Unit], options: { shutdownTimeout: 50 } });
    const client = await app.connect();
    await rounds(() => ask(client, 'act'));

    await app.close();

    expect(app.log.of('warn')).toEqual([`Stopping with ${ROUNDS} handlers still running.`]);
  });

  it('K8 calls onConnectionEnd and asyncDispose of durable providers when the client leaves', async () => {
    const steps = new Journal();
    @Injectable(EACH_CONNECTION)
    class Diary {
      onEventEnd() {
        steps.add('end of an event');
      }
      onConnectionEnd() {
        steps.add('end');
      }
      async [Symbol.asyncDispose]() {
        steps.add('disposal');
      }
    }
    @SocketGateway()
    class DiaryGateway {
      constructor(readonly diary: Diary) {}

      @OnEvent('act')
      act() {}

      @OnDisconnect()
      left() {
        steps.add('disconnect');
      }
    }
    const app = await startApp({ providers: [DiaryGateway, Diary] });
    const client = await app.connect();
    await rounds(() => ask(client, 'act'));

    client.disconnect();

    expect(await steps.has('disposal')).toEqual(['disconnect', 'end', 'disposal']);
  });

  it('K8 calls onConnectionEnd after a disconnect handler that throws', async () => {
    const steps = new Journal();
    @Injectable(EACH_CONNECTION)
    class Diary {
      onConnectionEnd() {
        steps.add('end');
      }
    }
    @SocketGateway()
    class DiaryGateway {
      constructor(readonly diary: Diary) {}

      @OnDisconnect()
      left() {
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [DiaryGateway, Diary] });
    const client = await app.connect();

    client.disconnect();

    expect(await steps.reached(1)).toEqual(['end']);
  });

  it('K8 calls onConnectionEnd where there is no disconnect handler', async () => {
    const steps = new Journal();
    @Injectable(EACH_CONNECTION)
    class Diary {
      onConnectionEnd() {
        steps.add('end');
      }
    }
    @SocketGateway()
    class DiaryGateway {
      constructor(readonly diary: Diary) {}

      @OnEvent('act')
      act() {}
    }
    const app = await startApp({ providers: [DiaryGateway, Diary] });
    const client = await app.connect();
    await ask(client, 'act');

    client.disconnect();

    expect(await steps.reached(1)).toEqual(['end']);
  });

  it('K8 calls onConnectionEnd for a client that is refused', async () => {
    const steps = new Journal();
    @Injectable(EACH_CONNECTION)
    class Diary {
      onConnectionEnd() {
        steps.add('end');
      }
    }
    @SocketGateway()
    class DiaryGateway {
      constructor(readonly diary: Diary) {}

      @OnConnect()
      connect() {
        return false;
      }
    }
    const app = await startApp({ providers: [DiaryGateway, Diary] });

    await refusal(app.open());

    expect(await steps.reached(1)).toEqual(['end']);
  });

  it.each([
    ['with a disconnect handler', true],
    ['without one', false],
  ])('K8 lets the application wait for onConnectionEnd when it ends, %s', async (_, handled) => {
    const steps: string[] = [];
    @Injectable(EACH_CONNECTION)
    class Diary {
      async onConnectionEnd() {
        for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
        steps.push('ended');
      }
    }
    @SocketGateway()
    class DiaryGateway {
      constructor(readonly diary: Diary) {}

      @OnEvent('act')
      act() {}

      @OnDisconnect(handled ? '/' : '/elsewhere')
      left() {}
    }
    const app = await startApp({ providers: [DiaryGateway, Diary] });
    await ask(await app.connect(), 'act');

    await app.close();

    expect(steps).toEqual(['ended']);
  });
});

describe('an HTTP route', () => {
  it.each([
    ['SocketRequest', SocketRequest],
    ['SocketSession', SocketSession],
  ])('K8 cannot have %s: FSK_NO_SOCKET_REQUEST', async (name, token) => {
    const errors: string[] = [];
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(@Inject(token) readonly own: unknown) {}
    }
    @Controller()
    class UnitController {
      constructor(readonly unit: Unit) {}

      @Get('unit')
      get() {
        return 'fine';
      }
    }
    @Catch()
    class ErrorFilter implements ExceptionFilter {
      catch(error: Error, host: ExecutionContext) {
        errors.push(error.message);
        host.switchToHttp().getResponse().status(500).end();
      }
    }
    const app = await startApp({
      controllers: [UnitController],
      providers: [Unit, { provide: APP_FILTER, useClass: ErrorFilter }],
    });

    await fetch(`${app.url}/unit`);

    expect(errors).toEqual([expect.stringMatching(`FSK_NO_SOCKET_REQUEST: ${name}`)]);
  });

  it('K8 keeps its own REQUEST', async () => {
    @Injectable(EACH_EVENT)
    class Unit {
      constructor(@Inject(REQUEST) readonly own: { url?: string }) {}
    }
    @Controller()
    class UnitController {
      constructor(readonly unit: Unit) {}

      @Get('unit')
      get() {
        return this.unit.own.url;
      }

      @OnEvent('act')
      act() {
        return this.unit.own instanceof SocketRequest;
      }
    }
    const app = await startApp({ controllers: [UnitController], providers: [Unit] });
    const client = await app.connect();

    const answers = await rounds(async () => [
      await (await fetch(`${app.url}/unit`)).text(),
      ...(await ask(client, 'act')),
    ]);

    expect(answers).toEqual(each(() => ['/unit', true]));
  });
});
