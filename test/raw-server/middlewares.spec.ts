import { describe } from 'vitest';
import { ask, next, refusal } from '../support/app.js';
import { answerTo, once, raw, type World } from './world.js';

describe('middlewares of a namespace', () => {
  const order = async ({ io, connect }: World) => {
    const ran: string[] = [];
    io.use((_, pass) => void setImmediate(() => (ran.push('first'), pass())));
    io.use((_, pass) => (ran.push('second'), pass()));
    io.on('connection', () => ran.push('connection'));
    await connect();
    return ran;
  };
  raw('run in their order, before connection', order, { expected: ['first', 'second', 'connection'] });

  const refuses = async ({ io, open }: World) => {
    const ran: string[] = [];
    io.use((_, pass) => pass(Object.assign(new Error('no'), { data: { code: 7 } })));
    io.use((_, pass) => (ran.push('second'), pass()));
    io.on('connection', () => ran.push('connection'));
    const { message, data } = await refusal(open());
    return [message, data, ran];
  };
  raw('that refuse tell the client why, and run no other', refuses, { expected: ['no', { code: 7 }, []] });

  const later = async ({ io, open, connect }: World) => {
    await connect();
    io.use((_, pass) => pass(new Error('late')));
    return answerTo(open());
  };
  raw('may be added when clients are there', later, { expected: 'late' });

  const apart = async ({ io, open }: World) => {
    io.of('/a').use((_, pass) => pass(new Error('a')));
    io.of('/b');
    return [await answerTo(open('/a')), await answerTo(open('/b'))];
  };
  raw('are those of their namespace', apart, { expected: ['a', 'connected'] });

  const sees = async ({ io, connect }: World) => {
    const seen = once<unknown>((take) =>
      io.use((socket, pass) => {
        take([socket.handshake.auth, socket.handshake.query['q'], socket.connected, socket.rooms.size]);
        pass();
      }),
    );
    await connect('/', { auth: { token: 't' }, query: { q: '1' } });
    return seen;
  };
  raw('see the handshake', sees, { expected: [{ token: 't' }, '1', false, 0] });

  const data = async ({ io, connect, socketOf }: World) => {
    io.use((socket, pass) => {
      socket.data['name'] = 'Ann';
      pass();
    });
    return socketOf(await connect()).data;
  };
  raw('may leave data', data, { expected: { name: 'Ann' } });

  const emits = async ({ io, open }: World) => {
    io.use((socket, pass) => {
      socket.emit('early');
      setImmediate(pass);
    });
    const client = open('/', { transports: ['websocket'] });
    const heard: string[] = [];
    client.on('connect', () => heard.push('connect'));
    client.onAny((event: string) => heard.push(event));
    await next(client, 'connect');
    io.emit('later');
    await next(client, 'later');
    return heard;
  };
  raw('that emit', emits, {
    expected: ['early', 'connect', 'later'],
    differs: {
      expected: ['connect', 'early', 'later'],
      because: 'it waits for the acceptance (C1), before which some clients drop it',
    },
  });
});

describe('middlewares of a socket', () => {
  const order = async ({ io, connect }: World) => {
    const ran: string[] = [];
    io.on('connection', (socket) => {
      socket.use((event, pass) => (ran.push(`use ${event[0]}`), pass()));
      socket.on('x', (answer: () => void) => (ran.push('listener'), answer()));
    });
    await ask(await connect(), 'x');
    return ran;
  };
  raw('run before listeners', order, { expected: ['use x', 'listener'] });

  const refuses = async ({ io, connect }: World) => {
    const heard: string[] = [];
    const failed = once<string>((take) =>
      io.on('connection', (socket) => {
        socket.use((_, pass) => pass(new Error('no')));
        socket.on('x', () => heard.push('x'));
        socket.on('error', ({ message }) => take(message));
      }),
    );
    (await connect()).emit('x');
    return [await failed, heard];
  };
  raw('that refuse end the event, with an error', refuses, { expected: ['no', []] });

  const changes = async ({ io, connect }: World) => {
    io.on('connection', (socket) => {
      socket.use((event, pass) => {
        event[1] = 'changed';
        pass();
      });
      socket.on('x', (value: string, answer: (value: string) => void) => answer(value));
    });
    return ask(await connect(), 'x', 'sent');
  };
  raw('may change the event', changes, { expected: ['changed'] });
});

describe('middlewares of the engine', () => {
  const polling = async ({ io, open }: World) => {
    io.engine.use(
      (_: unknown, response: { setHeader(name: string, value: string): void }, pass: () => void) => {
        response.setHeader('x-by', 'engine');
        pass();
      },
    );
    const client = open('/', { transports: ['polling'] });
    await next(client, 'connect');
    return client.connected;
  };
  raw('run for polling', polling, { expected: true });

  const refuses = async ({ io, open }: World) => {
    io.engine.use((_: unknown, response: { writeHead(code: number): void; end(): void }) => {
      response.writeHead(401);
      response.end();
    });
    return answerTo(open('/', { transports: ['polling'] }));
  };
  raw('may refuse', refuses, { expected: 'xhr poll error' });

  const initial = async ({ io, open }: World) => {
    io.engine.on('initial_headers', (headers: Record<string, string>) => void (headers['x-first'] = 'yes'));
    const client = open('/', { transports: ['polling'] });
    await next(client, 'connect');
    return client.connected;
  };
  raw('headers may be added', initial, { expected: true });
});
