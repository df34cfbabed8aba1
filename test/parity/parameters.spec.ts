import {
  createParamDecorator,
  ParseArrayPipe,
  ParseIntPipe,
  UsePipes,
  ValidationPipe,
  type PipeTransform,
} from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { IsString } from 'class-validator';
import { Args, MessageBody, OnEvent, Sid, SocketGateway } from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, bootError, startApp } from '../support/app.js';
import { rejectionsTold, startBeside, unheardRejections } from '../support/beside.js';
import { Gate } from '../support/journal.js';

const refused = { status: 'error', message: expect.anything() as unknown };

describe('parameters that take their time', () => {
  const LateUser = createParamDecorator(async () => {
    await Promise.resolve();
    throw new WsException('no such user');
  });
  const Later = createParamDecorator(async (value: unknown) => {
    await Promise.resolve();
    return value;
  });
  const broken: PipeTransform = {
    transform: async () => {
      await Promise.resolve();
      throw new WsException('broken pipe');
    },
  };

  @SocketGateway()
  class LateGateway {
    @OnEvent('earlier pipe')
    earlierPipe(@MessageBody(new ParseIntPipe()) _id: number, @LateUser() _user: unknown) {}

    @OnEvent('later pipe')
    laterPipe(@LateUser() _user: unknown, @MessageBody(new ParseIntPipe()) _id: number) {}

    @OnEvent('thrown')
    thrown(@LateUser() _user: unknown, @Thrown() _thrown: unknown, @LateUser() _other: unknown) {}

    @OnEvent('both')
    both(@LateUser() _user: unknown, @MessageBody(broken) _body: unknown) {}

    @OnEvent('piped')
    piped(@LateUser(broken) _user: unknown, @Later('x', broken) _other: unknown) {}
  }

  it.each(['earlier pipe', 'later pipe', 'thrown', 'both', 'piped'])(
    'X4 a rejection has its listener, whatever else fails at the same time: %s',
    async (event) => {
      const unheard = unheardRejections();
      const client = await (await startApp({ providers: [LateGateway] })).connect();
      const answers = [await ask(client, event, 'x'), await ask(client, event, 'x')];
      await rejectionsTold();
      expect(answers).toEqual([[refused], [refused]]);
      expect(unheard).toEqual([]);
    },
  );

  it('V13 factories and pipes run at the same time, as in Nest', async () => {
    const started: Record<string, number> = {};
    const both: Record<string, Gate> = { nest: new Gate(), ours: new Gate() };
    const beside = await startBeside(({ name, Gateway, Event }) => {
      const Meeting = createParamDecorator(async (value: unknown) => {
        started[name] = (started[name] ?? 0) + 1;
        if (started[name] === 2) both[name]?.open();
        await both[name]?.opened;
        return value;
      });
      @Gateway()
      class MeetingGateway {
        @Event('meet')
        meet(@Meeting('first') first: unknown, @Meeting('second') second: unknown) {
          return [first, second];
        }
      }
      return MeetingGateway;
    });
    expect(await beside.answers('meet')).toEqual({
      nest: [['first', 'second']],
      ours: [['first', 'second']],
    });
  });
});

function Thrown(): ParameterDecorator {
  return createParamDecorator(() => {
    throw new WsException('thrown');
  })();
}

describe('a rest parameter under a ValidationPipe', () => {
  class Item {
    @IsString()
    name!: string;
  }

  /** What `tsc` writes down for a rest parameter is the class of its items. */
  const types = (...classes: unknown[]) => Reflect.metadata('design:paramtypes', classes);

  /** Knows nothing of the library, and takes whatever comes. */
  function Wrapped(): MethodDecorator {
    return (_target, _name, descriptor: PropertyDescriptor) => {
      const method = descriptor.value as (...values: unknown[]) => unknown;
      descriptor.value = function wrapped(this: unknown, ...values: unknown[]) {
        return method.apply(this, values);
      };
    };
  }

  const classesOf = (items: unknown[]) => items.map((item) => item instanceof Item);

  @SocketGateway()
  @UsePipes(new ValidationPipe({ transform: true }))
  class ItemsGateway {
    @types(Item)
    @OnEvent('items')
    items(...items: Item[]) {
      return classesOf(items);
    }

    @types(Item)
    @Wrapped()
    @OnEvent('wrapped')
    wrapped(...items: Item[]) {
      return classesOf(items);
    }

    @types(Item)
    @OnEvent('wrapped inside')
    @Wrapped()
    wrappedInside(...items: Item[]) {
      return classesOf(items);
    }

    @types(String, String, Item)
    @OnEvent('after others')
    afterOthers(text = '(', @Sid() _sid: string, ...items: Item[]) {
      return [text, ...classesOf(items)];
    }

    @types(Item)
    @OnEvent('one')
    one(_item: Item) {
      return classesOf([...arguments]);
    }

    @OnEvent('*')
    @types(String, Item)
    any(name: string, ...items: Item[]) {
      return [name, ...classesOf(items)];
    }
  }

  const start = () => startApp({ providers: [ItemsGateway] });
  const ann = { name: 'Ann' };
  const wrong = { name: 7 };

  it.each(['items', 'wrapped', 'wrapped inside'])('V4 V13 every argument is validated: %s', async (event) => {
    const client = await (await start()).connect();
    const answers = [
      await ask(client, event),
      await ask(client, event, ann),
      await ask(client, event, ann, ann, ann),
      await ask(client, event, wrong),
      await ask(client, event, ann, ann, wrong),
    ];
    expect(answers).toEqual([[[]], [[true]], [[true, true, true]], [refused], [refused]]);
  });

  it('V4 V13 so are those behind other parameters, and those of an event that * serves', async () => {
    const client = await (await start()).connect();
    const answers = [
      await ask(client, 'after others', 'text'),
      await ask(client, 'after others', 'text', ann, ann),
      await ask(client, 'after others', 'text', ann, wrong),
      await ask(client, 'unknown', ann, ann),
      await ask(client, 'unknown', ann, wrong),
    ];
    expect(answers).toEqual([
      [['text']],
      [['text', true, true]],
      [refused],
      [['unknown', true, true]],
      [refused],
    ]);
  });

  it('V13 an argument for which there is no parameter does not reach the handler', async () => {
    const client = await (await start()).connect();
    expect([await ask(client, 'one', ann, wrong), await ask(client, 'one', wrong)]).toEqual([
      [[true]],
      [refused],
    ]);
  });

  it('V13 a compiler that knows no class for it ends the boot: FSK_REST_NOT_VALIDATED', async () => {
    @SocketGateway()
    class UntypedGateway {
      @types(Array)
      @OnEvent('items')
      items(..._items: Item[]) {}
    }
    const prepare = (pipe: ValidationPipe) => ({
      providers: [UntypedGateway],
      prepare: (app: { useGlobalPipes(pipe: PipeTransform): unknown }) => app.useGlobalPipes(pipe),
    });
    const error = await bootError(prepare(new ValidationPipe()));
    const running = await startApp(prepare(new ValidationPipe({ expectedType: Item })));
    const client = await running.connect();
    expect(error.message).toMatch(/^FSK_REST_NOT_VALIDATED: .*UntypedGateway\.items.*ParseArrayPipe/);
    expect([await ask(client, 'items', ann, ann), await ask(client, 'items', ann, wrong)]).toEqual([
      [],
      [refused],
    ]);
  });

  it('V4 V13 what that error advises validates every argument', async () => {
    @SocketGateway()
    @UsePipes(new ValidationPipe({ transform: true }))
    class ArrayGateway {
      @OnEvent('items')
      items(@Args(new ParseArrayPipe({ items: Item })) items: Item[]) {
        return classesOf(items);
      }
    }
    const client = await (await startApp({ providers: [ArrayGateway] })).connect();
    expect([await ask(client, 'items', ann, ann), await ask(client, 'items', ann, wrong)]).toEqual([
      [[true, true]],
      [refused],
    ]);
  });
});
