import { describe, expect, it } from 'vitest';
import { DEFAULTS, type FlaskSocketOptions } from '../../../lib/common/options.js';
import { definedOptions, OPTION_NAMES, resolveOptions } from '../../../lib/common/validate-options.js';

const resolve = (options: object) => resolveOptions(options as FlaskSocketOptions);

describe('resolveOptions', () => {
  it('I1 fills in the defaults', () => {
    expect(resolve({})).toEqual(DEFAULTS);
  });

  it('I1 takes an option that is undefined as not given', () => {
    const options = Object.fromEntries(OPTION_NAMES.map((name) => [name, undefined]));
    expect(resolve(options)).toEqual(DEFAULTS);
  });

  it.each([
    ['live', '/live'],
    ['/live', '/live'],
    ['a/b', '/a/b'],
  ])('I4 makes the path %s %s', (path, expected) => {
    expect(resolve({ path }).path).toBe(expected);
  });

  it.each<object>([
    { path: '/live' },
    { asyncMode: 'eiows' },
    { namespaces: '*' },
    { namespaces: [] },
    { namespaces: ['/', '/job/:id'] },
    { corsAllowedOrigins: [] },
    { corsAllowedOrigins: () => true },
    { corsAllowedOrigins: '*', corsCredentials: false },
    { cookie: 'io' },
    { cookie: { name: 'io', httpOnly: true } },
    { transports: ['websocket'] },
    { pingInterval: 1 },
    { compressionThreshold: 0 },
    { shutdownTimeout: 0 },
    { limits: false },
    { limits: {} },
    { limits: { eventRate: 10, roomsPerConnection: false, eventPolicy: 'refuse', pendingBytes: Infinity } },
    { serializer: 'msgpack' },
    { serializer: { Encoder: class {}, Decoder: class {} } },
    { logger: false },
    { server: {} },
  ])('I1 takes %o', (options) => {
    expect(resolve(options)).toMatchObject(options);
  });

  const wrong: Record<string, unknown[]> = {
    path: ['', ' ', '/a b', '/a?b', '/a#b', 7, null],
    asyncHandlers: ['no', 0, null],
    alwaysConnect: [1],
    limits: [true, null, [], 7, 'none'],
    namespaces: ['/chat', [7], ['chat'], {}, null],
    corsAllowedOrigins: [true, 7, [7], {}, null],
    corsCredentials: ['true'],
    cookie: ['', true, [], null],
    transports: [[], 'polling', ['pigeon'], ['polling', 7]],
    allowUpgrades: ['yes'],
    allowEIO3: [3],
    pingInterval: [0, -1, Number.NaN, Infinity, '25s'],
    pingTimeout: [0, null],
    maxHttpBufferSize: [0, '1mb'],
    httpCompression: [{}],
    compressionThreshold: [-1, '1kb'],
    serializer: ['yaml', {}, null, { Encoder: class {} }],
    shutdownTimeout: [-1, Number.NaN],
    logger: [true, 'console', null],
    debug: ['*'],
    server: [[], null, true],
  };
  const cases = Object.entries(wrong).flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );

  it.each(cases)('I1 %s cannot be %o', (name, value) => {
    expect(() => resolve({ [name]: value })).toThrow(
      new RegExp(`FSK_INVALID_(OPTION: Option "${name}"|NAMESPACE: .*option "namespaces")`),
    );
  });

  it.each([
    ['cors_allowed_origins', 'corsAllowedOrigins'],
    ['CORSALLOWEDORIGINS', 'corsAllowedOrigins'],
    ['pingIntervall', 'pingInterval'],
    ['ping_timeout', 'pingTimeout'],
    ['async_mode', 'asyncMode'],
    ['maxHttpBuffersize', 'maxHttpBufferSize'],
    ['transport', 'transports'],
  ])('I1 names the nearest option to %s: %s', (name, nearest) => {
    expect(() => resolve({ [name]: 1 })).toThrow(`Did you mean "${nearest}"?`);
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'xyz', ''])('I1 names none for %s', (name) => {
    expect(() => resolve({ [name]: 1 })).toThrow(/FSK_UNKNOWN_OPTION.*FlaskSocketModule\. They are/);
  });
});

describe('given', () => {
  it('I2 keeps false, 0 and null, and leaves out undefined alone', () => {
    const options = { debug: false, compressionThreshold: 0, cookie: null, path: undefined };
    expect(definedOptions(options as never)).toEqual({ debug: false, compressionThreshold: 0, cookie: null });
  });
});
