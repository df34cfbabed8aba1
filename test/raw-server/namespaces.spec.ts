import { WebSocketGateway, type OnGatewayConnection, SubscribeMessage } from '@nestjs/websockets';
import { OnEvent, SocketGateway } from 'nestjs-flask-socket';
import type { Namespace, Server, Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { ask, next, startApp } from '../support/app.js';
import { Journal } from '../support/journal.js';
import { answerTo, once, raw, type World } from './world.js';

describe('C5 a namespace that the application made by name is open', () => {
  const made: [string, (io: Server) => unknown][] = [
    ['of(name)', (io) => io.of('/a')],
    ['of(name) and a listener of connection', (io) => io.of('/a').on('connection', () => {})],
    ['of(name) and a listener of connect', (io) => io.of('/a').on('connect', () => {})],
    ['of(name) and a listener that is called once', (io) => io.of('/a').once('connection', () => {})],
    ['of(name, listener)', (io) => io.of('/a', () => {})],
    ['of(name) and a middleware', (io) => io.of('/a').use((_, pass) => pass())],
    ['of(expression)', (io) => io.of(/^\/a$/)],
    ['of(expression) and a listener of connect', (io) => io.of(/^\/a$/).on('connect', () => {})],
    ['of(expression) and a middleware', (io) => io.of(/^\/a$/).use((_, pass) => pass())],
    ['of(function)', (io) => io.of((name, _, answer) => answer(null, name === '/a'))],
    [
      'of(function) that answers later',
      (io) => io.of((_n, _a, answer) => void setImmediate(answer, null, true)),
    ],
  ];
  for (const [how, make] of made) {
    const act = ({ io, open }: World) => {
      make(io);
      return answerTo(open('/a'));
    };
    raw(`by ${how}`, act, { expected: 'connected' });
  }

  const twice = async ({ io, open }: World) => {
    io.of('/a').once('connection', () => {});
    return [await answerTo(open('/a')), await answerTo(open('/a'))];
  };
  raw('for the second client, too, after once()', twice, { expected: ['connected', 'connected'] });

  const unknown = ({ io, open }: World) => {
    io.of('/a');
    return answerTo(open('/b'));
  };
  raw('and any other is refused', unknown, { expected: 'Invalid namespace' });

  const denied = ({ io, open }: World) => {
    io.of((_name, auth, answer) => answer(null, auth['token'] === 'good'));
    return Promise.all([
      answerTo(open('/a', { auth: { token: 'bad' } })),
      answerTo(open('/b', { auth: { token: 'good' } })),
    ]);
  };
  raw('a function decides by the client’s auth', denied, { expected: ['Invalid namespace', 'connected'] });

  const main = ({ io, open }: World) => {
    io.on('connect', () => {});
    return answerTo(open('/'));
  };
  raw('the main namespace, where no handler of ours is for it, with a listener of connect', main, {
    expected: 'connected',
    application: { options: { namespaces: ['/other'] } },
  });

  raw('the main namespace, where no handler of ours is for it', ({ open }) => answerTo(open('/')), {
    expected: 'connected',
    differs: {
      expected: 'Invalid namespace',
      because: 'it is there from the start; option namespaces and handlers say whether it takes clients',
    },
    application: { options: { namespaces: ['/other'] } },
  });
});

const deny = (_: Socket, pass: (error?: Error) => void) => pass(new Error('no'));

/** Hears what a namespace's listeners hear. */
function listen(parent: Namespace, heard: string[], name: string): void {
  parent.on('connection', () => heard.push(name));
}

describe('V12 every parent that a namespace fits has its part in it', () => {
  @SocketGateway('/job/:id')
  class JobGateway {
    @OnEvent('x')
    x() {
      return 'ours';
    }
  }
  const beside = { providers: [JobGateway] };

  const refuses = ({ io, open }: World) => {
    io.of(/^\/job\/\d+$/).use(deny);
    return answerTo(open('/job/7'));
  };
  raw('a middleware that refuses', refuses, { expected: 'no' });
  raw('a middleware that refuses, beside a pattern of ours', refuses, {
    expected: 'no',
    application: beside,
  });
  raw('a middleware that refuses, beside namespaces: "*"', refuses, {
    expected: 'no',
    application: { options: { namespaces: '*' } },
  });

  const refusesByFunction = ({ io, open }: World) => {
    io.of((name, _, answer) => void setImmediate(answer, null, name.startsWith('/job'))).use(deny);
    return answerTo(open('/job/7'));
  };
  raw('a function’s middleware that refuses, beside a pattern of ours', refusesByFunction, {
    expected: 'no',
    application: beside,
  });

  const order = async ({ io, open }: World) => {
    const ran: string[] = [];
    const named = (name: string) => (_: Socket, pass: () => void) => {
      ran.push(name);
      pass();
    };
    io.of((_name, _auth, answer) => answer(null, true)).use(named('function'));
    io.of(/^\/job/)
      .use(named('first'))
      .on('connection', () => ran.push('connection'));
    io.of(/7$/)
      .use(named('second'))
      .on('connect', () => ran.push('connect'));
    await answerTo(open('/job/7'));
    return ran;
  };
  raw('several parents', order, {
    expected: ['function'],
    differs: {
      expected: ['function', 'first', 'second', 'connect', 'connection'],
      because: 'every parent has its part, in the order in which they were made; there, the first alone',
    },
  });

  const fixed = ({ io, open }: World) => {
    io.of('/job/7');
    io.of(/^\/job/).use(deny);
    return answerTo(open('/job/7'));
  };
  @SocketGateway('/job/7')
  class SevenGateway {
    @OnEvent('x')
    x() {}
  }
  raw('a parent that was made after a namespace of the application', fixed, { expected: 'connected' });
  raw('a parent that was made after a namespace of ours', fixed, {
    expected: 'connected',
    differs: { expected: 'no', because: 'ours was made while the application started' },
    application: { providers: [SevenGateway] },
  });

  const usedLater = async ({ io, connect, open }: World) => {
    const parent = io.of(/^\/job/);
    await connect('/job/7');
    parent.use(deny);
    return answerTo(open('/job/7'));
  };
  raw('a middleware that a parent gets when the namespace is there', usedLater, { expected: 'connected' });
  raw('a middleware that a parent gets when a namespace of ours is there', usedLater, {
    expected: 'connected',
    differs: { expected: 'no', because: 'where handlers of ours are, no middleware is passed over' },
    application: beside,
  });

  const notMain = ({ io, open }: World) => {
    io.of(/.*/).use(deny);
    return answerTo(open('/'));
  };
  raw('the main namespace is nobody’s child', notMain, { expected: 'connected' });

  const all = async ({ io, connect, socketOf, flushed }: World) => {
    const parent = io.of(/^\/job/);
    const client = await connect('/job/7');
    const heard = next(client, 'news');
    parent.emit('news', 1);
    await flushed(client);
    return [await heard, socketOf(client).nsp.name];
  };
  raw('a parent speaks to all its children', all, { expected: [[1], '/job/7'], application: beside });

  it('a dynamic gateway of Nest’s hears connections and events beside a pattern of ours', async () => {
    const heard = new Journal();
    @WebSocketGateway({ namespace: /^\/job\/\d+$/ })
    class NestGateway implements OnGatewayConnection {
      handleConnection({ nsp }: Socket) {
        heard.add(nsp.name);
      }

      @SubscribeMessage('nest')
      nest() {
        return 'nest';
      }
    }
    for (const providers of [
      [NestGateway, JobGateway],
      [JobGateway, NestGateway],
    ]) {
      const app = await startApp({ providers });
      const client = await app.connect('/job/7');

      expect([await ask(client, 'x'), await ask(client, 'nest')]).toEqual([['ours'], ['nest']]);
    }
    expect(heard.entries).toEqual(['/job/7', '/job/7']);
  });

  it('two gateways of Nest’s on equal expressions both hear', async () => {
    const heard = new Journal();
    const gateway = (name: string) => {
      @WebSocketGateway({ namespace: /^\/job\/\d+$/ })
      class NestGateway {
        handleConnection() {
          heard.add(name);
        }
      }
      return NestGateway;
    };
    const app = await startApp({
      providers: [gateway('first'), { provide: 'b', useClass: gateway('second') }],
    });

    await app.connect('/job/7');

    expect(heard.entries.toSorted()).toEqual(['first', 'second']); // Nest decides which comes first
  });
});

describe('V12 namespaces that were opened for a client', () => {
  const lives = async ({ io, connect, socketOf }: World) => {
    if (!io._nsps.has('/job/7')) io.of(/^\/job\/\d+$/);
    const client = await connect('/job/7');
    const gone = once((take) => socketOf(client).on('disconnect', take));
    client.disconnect();
    await gone;
    await new Promise(setImmediate);
    return io._nsps.has('/job/7');
  };
  @SocketGateway('/job/:id')
  class JobGateway {
    @OnEvent('x')
    x() {}
  }
  const application = { providers: [JobGateway] };
  raw('stay, if cleanupEmptyChildNamespaces says so', lives, {
    expected: true,
    options: { cleanupEmptyChildNamespaces: false },
    application,
  });
  raw('go, if cleanupEmptyChildNamespaces says so', lives, {
    expected: false,
    options: { cleanupEmptyChildNamespaces: true },
    application,
  });
  raw('that a pattern of ours is for, without the option', lives, {
    expected: true,
    differs: { expected: false, because: 'clients choose their names, which would fill the memory' },
    application,
  });
  raw('that only the application is for, without the option', lives, { expected: true });

  const again = async ({ io, connect, socketOf }: World) => {
    const heard: string[] = [];
    listen(io.of(/^\/job\/\d+$/), heard, 'connection');
    const client = await connect('/job/7');
    const gone = once((take) => socketOf(client).on('disconnect', take));
    client.disconnect();
    await gone;
    await connect('/job/7');
    return heard;
  };
  raw('serve the next client with the same parents', again, {
    expected: ['connection', 'connection'],
    options: { cleanupEmptyChildNamespaces: true },
    application,
  });
});
