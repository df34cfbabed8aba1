import { describe, expect, it } from 'vitest';
import type { Handler, HandlerDefinition } from '../../../lib/handlers/handler.js';
import { HandlerRegistry } from '../../../lib/handlers/handler.registry.js';

const handler = (place: string): Handler => ({ place, run: () => {}, filters: [], globalFilters: [] });

const event = (name: string, namespace: string, place = `${namespace} ${name}`): HandlerDefinition => ({
  kind: 'event',
  event: name,
  namespace,
  handler: handler(place),
});

const connect = (namespace: string): HandlerDefinition => ({
  kind: 'connect',
  namespace,
  handler: handler(`${namespace} connect`),
});

const registryWith = (...definitions: HandlerDefinition[]) => {
  const registry = new HandlerRegistry();
  const removals = definitions.map((definition) => registry.add(definition));
  return { registry, removals };
};

describe('HandlerRegistry', () => {
  it.each([
    [['/chat event', '/chat *', '/:name event', '* event', '* *'], '/chat event'],
    [['/chat *', '/:name event', '/:name *', '* event', '* *'], '/chat *'],
    [['/:name event', '/:name *', '* event', '* *'], '/:name event'],
    [['/:name *', '* event', '* *'], '/:name *'],
    [['* event', '* *'], '* event'],
    [['* *'], '* *'],
    [['/chat other', '/other event', '* other'], undefined],
  ])('V11 of %o, %s is asked', (all, expected) => {
    const definitions = all
      .map((text) => text.split(' '))
      .map(([namespace, name]) => event(name!, namespace!));
    const { registry } = registryWith(...definitions.toReversed());
    expect(registry.eventHandler('/chat', 'event')?.place).toBe(expected);
  });

  it.each(['__proto__', 'constructor', 'toString', 'connect', 'disconnect', 'error'])(
    'V2 the name %s finds no handler by accident',
    (name) => {
      const { registry } = registryWith(connect('/'), event('event', '/'));
      expect(registry.eventHandler('/', name)).toBeUndefined();
    },
  );

  it('V5 serves the namespaces that have handlers, and those that fit a pattern that has', () => {
    const { registry } = registryWith(event('event', '/chat'), connect('/job/:id'), event('*', '*'));
    const names = ['/', '/chat', '/job/7', '/job', '/*', '*'];
    expect(names.filter((name) => registry.hasHandlers(name))).toEqual(['/chat', '/job/7']);
    expect(registry.namespaces()).toEqual(['/chat']);
  });

  it('V12 reads the parameters of all patterns that fit', () => {
    const { registry } = registryWith(connect('/job/:id'), connect('/:kind/7'), connect('/other/:x'));
    expect(registry.paramsOf('/job/7')).toEqual({ id: '7', kind: 'job' });
    expect(registry.paramsOf('/chat')).toEqual({});
  });

  it('I8 a handler that was removed is found no more, nor its namespace', () => {
    const { registry, removals } = registryWith(event('event', '/chat'));
    registry.eventHandler('/chat', 'event');
    removals[0]!();
    expect(registry.eventHandler('/chat', 'event')).toBeUndefined();
    expect([registry.hasHandlers('/chat'), registry.namespaces()]).toEqual([false, []]);
  });

  it('I8 removing twice does not remove what came after', () => {
    const { registry, removals } = registryWith(event('event', '/chat'));
    removals[0]!();
    registry.add(event('event', '/chat', 'second'));
    removals[0]!();
    expect(registry.eventHandler('/chat', 'event')?.place).toBe('second');
  });

  it('I8 a namespace that was looked up before gets handlers that come later', () => {
    const { registry } = registryWith();
    expect(registry.eventHandler('/job/7', 'event')).toBeUndefined();
    registry.add(event('event', '*'));
    const first = registry.eventHandler('/job/7', 'event')?.place;
    registry.add(event('event', '/job/:id'));
    const second = registry.eventHandler('/job/7', 'event')?.place;
    registry.add(event('event', '/job/7'));
    const third = registry.eventHandler('/job/7', 'event')?.place;
    expect([first, second, third]).toEqual(['* event', '/job/:id event', '/job/7 event']);
  });

  it('I7 refuses a second handler for the same thing and names both', () => {
    const { registry } = registryWith(event('event', '/chat', 'One.event'));
    const add = () => registry.add(event('event', '/chat', 'Two.event'));
    expect(add).toThrow(/FSK_DUPLICATE_HANDLER.*'event'.*'\/chat'.*One\.event and Two\.event/);
    expect(registry.eventHandler('/chat', 'event')?.place).toBe('One.event');
  });

  it('I7 an event named as a kind of handler is another thing', () => {
    const { registry } = registryWith(connect('/'));
    expect(() => registry.add(event('error', '/'))).not.toThrow();
  });
});
