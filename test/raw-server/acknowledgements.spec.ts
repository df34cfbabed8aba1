import { describe } from 'vitest';
import { ask, next } from '../support/app.js';
import { raw, type World } from './world.js';

const message = (error: unknown) => (error as Error).message;

describe('acknowledgements that clients wait for', () => {
  const several = async ({ io, connect }: World) => {
    io.on('connection', (socket) => {
      socket.on('x', (first: unknown, second: unknown, answer: (...values: unknown[]) => void) => {
        answer(first, second, null);
        answer('twice');
      });
    });
    return ask(await connect(), 'x', 1, { two: 2 });
  };
  raw('carry several values, once', several, { expected: [1, { two: 2 }, null] });

  const bytes = async ({ io, connect }: World) => {
    io.on(
      'connection',
      (socket) => void socket.on('x', (answer: (value: Buffer) => void) => answer(Buffer.from([7]))),
    );
    const [value] = (await ask(await connect(), 'x')) as [Buffer];
    return [...value];
  };
  raw('carry bytes', bytes, { expected: [7] });

  const never = async ({ io, connect }: World) => {
    io.on('connection', (socket) => void socket.on('x', () => {}));
    const client = await connect();
    return client.timeout(50).emitWithAck('x').catch(message);
  };
  raw('that nobody gives time out at the client', never, { expected: 'operation has timed out' });

  const twoListeners = async ({ io, connect }: World) => {
    io.on('connection', (socket) => {
      socket.on('x', (answer: (value: string) => void) => answer('first'));
      socket.on('x', (answer: (value: string) => void) => answer('second'));
    });
    return ask(await connect(), 'x');
  };
  raw('are those of the first listener', twoListeners, { expected: ['first'] });
});

describe('acknowledgements that the server waits for', () => {
  const callback = async ({ connect, socketOf }: World) => {
    const client = await connect();
    client.on('x', (value: number, answer: (...values: unknown[]) => void) => answer(value, 'two'));
    return new Promise((resolve) => socketOf(client).emit('x', 1, (...values: unknown[]) => resolve(values)));
  };
  raw('go to a callback', callback, { expected: [1, 'two'] });

  const promise = async ({ connect, socketOf }: World) => {
    const client = await connect();
    client.on('x', (answer: (value: unknown) => void) => answer({ a: Buffer.from([1]) }));
    const { a } = (await socketOf(client).emitWithAck('x')) as { a: Buffer };
    return [...a];
  };
  raw('are a promise’s, bytes included', promise, { expected: [1] });

  const timeout = async ({ connect, socketOf }: World) => {
    const client = await connect();
    return socketOf(client).timeout(50).emitWithAck('x').catch(message);
  };
  raw('time out', timeout, { expected: 'operation has timed out' });

  const callbackTimeout = async ({ connect, socketOf }: World) => {
    const client = await connect();
    return new Promise((resolve) =>
      socketOf(client)
        .timeout(50)
        .emit('x', (error: Error) => resolve(error.message)),
    );
  };
  raw('time out in a callback', callbackTimeout, { expected: 'operation has timed out' });

  const inTime = async ({ connect, socketOf }: World) => {
    const client = await connect();
    client.on('x', (answer: (value: number) => void) => answer(1));
    return new Promise((resolve) =>
      socketOf(client)
        .timeout(5_000)
        .emit('x', (...values: unknown[]) => resolve(values)),
    );
  };
  raw('come in time with null for the error', inTime, { expected: [null, 1] });

  const late = async ({ connect, socketOf, flushed }: World) => {
    const client = await connect();
    let answerLate: (value: number) => void = () => {};
    client.on('x', (answer: (value: number) => void) => void (answerLate = answer));
    const answers: unknown[] = [];
    const first = await socketOf(client).timeout(50).emitWithAck('x').catch(message);
    answers.push(first);
    answerLate(1);
    await flushed(client);
    return answers;
  };
  raw('that come late are ignored', late, { expected: ['operation has timed out'] });

  const unknown = async ({ connect, flushed }: World) => {
    const client = await connect();
    client.io.engine.write('3999[1]');
    await flushed(client);
    return client.connected;
  };
  raw('with an unknown id are ignored', unknown, { expected: true });

  const all = async ({ io, connect }: World) => {
    for (const value of [1, 2]) {
      const client = await connect();
      client.on('x', (answer: (value: number) => void) => answer(value));
    }
    const answers = (await io.timeout(5_000).emitWithAck('x')) as number[];
    return answers.toSorted();
  };
  raw('of a broadcast are all answers', all, { expected: [1, 2] });

  const some = async ({ io, connect }: World) => {
    const client = await connect();
    client.on('x', (answer: (value: number) => void) => answer(1));
    await connect();
    return new Promise((resolve) =>
      io.timeout(300).emit('x', (error: Error, answers: unknown[]) => resolve([error.message, answers])),
    );
  };
  raw('of a broadcast that lack some are an error, with those that came', some, {
    expected: ['operation has timed out', [1]],
  });

  const nobody = ({ io }: World) => io.timeout(5_000).to('nobody').emitWithAck('x');
  raw('of a broadcast to nobody are none', nobody, { expected: [] });

  const room = async ({ io, connect, socketOf }: World) => {
    const client = await connect();
    client.on('x', (answer: (value: string) => void) => answer('in'));
    await connect();
    await socketOf(client).join('room');
    return io.to('room').timeout(5_000).emitWithAck('x');
  };
  raw('of a room are those of its members', room, { expected: ['in'] });
});

describe('sending', () => {
  const send = async ({ io, connect, socketOf }: World) => {
    const client = await connect();
    const heard: unknown[] = [];
    client.on('message', (value: unknown) => heard.push(value));
    const last = next(client, 'last');
    socketOf(client).send('one');
    socketOf(client).write('two');
    io.send('three');
    io.emit('last');
    await last;
    return heard;
  };
  raw('send() and write() are the event message', send, { expected: ['one', 'two', 'three'] });

  const reserved = async ({ io, connect, socketOf }: World) => {
    const client = await connect();
    const failed = (act: () => unknown) => {
      try {
        act();
        return 'sent';
      } catch (error) {
        return message(error);
      }
    };
    return [failed(() => socketOf(client).emit('connect')), failed(() => io.emit('disconnect'))];
  };
  raw('reserved names throw', reserved, {
    expected: ['"connect" is a reserved event name', '"disconnect" is a reserved event name'],
  });

  const compressed = async ({ connect, socketOf }: World) => {
    const client = await connect();
    const heard = next(client, 'x');
    socketOf(client).compress(false).emit('x', 'y'.repeat(2_000));
    return ((await heard) as string[])[0]!.length;
  };
  raw('compress() changes nothing in what arrives', compressed, { expected: 2_000 });

  const outgoing = async ({ io, connect, socketOf, flushed }: World) => {
    const client = await connect();
    const heard: unknown[] = [];
    socketOf(client).onAnyOutgoing((...event: unknown[]) => heard.push(event));
    socketOf(client).emit('x', 1);
    io.emit('y', 2);
    await flushed(client);
    return heard;
  };
  raw('onAnyOutgoing() hears it, broadcasts included', outgoing, {
    expected: [
      ['x', 1],
      ['y', 2],
    ],
  });
});
