import { describe, expect, it } from 'vitest';
import { checkNamespace, isPattern, NamespacePattern } from '../../../lib/common/namespace.js';

describe('checkNamespace', () => {
  it.each([
    '/',
    '*',
    '/chat',
    '/chat/room-1_2.3',
    '/job/:id',
    '/ünïcödé',
    '/%20',
    '//',
    '/tenant:7',
    '/ünïcödé:a',
    '/:a/:_b2',
  ])('V5 takes %s', (name) => {
    expect(checkNamespace(name, 'here')).toBe(name);
  });

  it.each(
    [
      ['', 'chat', ' /chat', '/a b', '/a\tb', '/a,b', '/a?b', '/a#b', '/*', '**', '/chat/*'],
      ['/room-:id', '/job/:id.json', String.raw`/job/:id(\d+)`, '/:from-:to', '/job/:', '/job/:7', '/:a:b'],
      [7, null, undefined, {}, ['/chat'], /chat/, Symbol('/chat'), Object.create(null)],
    ].flat(),
  )('V5 refuses %o and says where it stands', (name) => {
    expect(() => checkNamespace(name, 'Chat.here')).toThrow(/FSK_INVALID_NAMESPACE.*Chat\.here/);
  });
});

describe('isPattern', () => {
  it.each([
    ['/job/:id', true],
    ['/:id', true],
    ['/', false],
    ['/chat', false],
    ['/chat:7', false],
  ])('V12 %s: %s', (name, expected) => {
    expect(isPattern(name)).toBe(expected);
  });
});

describe('NamespacePattern', () => {
  it.each<[string, string, Record<string, string> | undefined]>([
    ['/job/:id', '/job/7', { id: '7' }],
    ['/job/:id', '/job/a.b-c_d', { id: 'a.b-c_d' }],
    ['/job/:id', '/job/a%20b', { id: 'a b' }],
    ['/job/:id', '/job/%E0%A4%A', { id: '%E0%A4%A' }],
    ['/job/:id', '/job/a%2Fb', { id: 'a/b' }],
    ['/job/:id', '/job/:id', { id: ':id' }],
    ['/job/:id', '/job', undefined],
    ['/job/:id', '/job/', undefined],
    ['/job/:id', '/job/7/', undefined],
    ['/job/:id', '/job/7/8', undefined],
    ['/job/:id', '/JOB/7', undefined],
    ['/job/:id', '/x/job/7', undefined],
    ['/job/:id', '/job/7\n', { id: '7\n' }],
    ['/:kind/:id', '/job/7', { kind: 'job', id: '7' }],
    ['/:kind/list/:_id2', '/job/list/7', { kind: 'job', _id2: '7' }],
    ['/a.b/:id', '/a.b/7', { id: '7' }],
    ['/a.b/:id', '/axb/7', undefined],
    ['/a(b|c)+$/:id', '/a(b|c)+$/7', { id: '7' }],
    ['/a(b|c)+$/:id', '/ab/7', undefined],
  ])('V12 %s reads %s as %o', (source, name, params) => {
    expect(new NamespacePattern(source).match(name)).toEqual(params);
  });

  it('V12 takes a long name without a second thought', () => {
    const pattern = new NamespacePattern('/:a/:b/:c/:d/:e/:f');
    const start = performance.now();
    pattern.match(`/${'a/'.repeat(50_000)}`);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('V12 a parameter named __proto__ changes no prototype', () => {
    const params = new NamespacePattern('/:__proto__').match('/polluted');
    expect(Object.getPrototypeOf(params)).toBe(Object.prototype);
  });
});
