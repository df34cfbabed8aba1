import { describe, expect, it } from 'vitest';
import { Inbox, type InboxEvent } from '../../../lib/testing/inbox.js';

describe('an inbox', () => {
  it('hands out what came, oldest first, once', () => {
    const inbox = new Inbox();
    inbox.add('/', ['b', 1]);
    inbox.add('/', ['a', 2, 3]);

    expect(inbox.take('/')).toEqual([
      { name: 'b', args: [1], namespace: '/' },
      { name: 'a', args: [2, 3], namespace: '/' },
    ]);
    expect(inbox.take('/')).toEqual([]);
  });

  it('keeps what is for other namespaces', () => {
    const inbox = new Inbox();
    inbox.add('/', ['a']);
    inbox.add('/chat', ['b']);

    inbox.take('/');

    expect(inbox.take('/chat')).toEqual([{ name: 'b', args: [], namespace: '/chat' }]);
  });

  it('gives an event to the one who waits for its name in its namespace', () => {
    const inbox = new Inbox();
    const found: InboxEvent[] = [];
    inbox.waitFor('/', 'a', (event) => found.push(event));

    inbox.add('/chat', ['a', 1]);
    inbox.add('/', ['b', 2]);
    inbox.add('/', ['a', 3]);

    expect(found.map(({ args }) => args)).toEqual([[3]]);
    expect(inbox.take('/').map(({ name }) => name)).toEqual(['b']);
  });

  it('gives nothing to one who has ceased to wait', () => {
    const inbox = new Inbox();
    const found: InboxEvent[] = [];
    const cease = inbox.waitFor('/', 'a', (event) => found.push(event));

    cease();
    inbox.add('/', ['a']);

    expect(found).toEqual([]);
    expect(inbox.take('/')).toHaveLength(1);
  });

  it('tells of any event, and keeps it', () => {
    const inbox = new Inbox();
    const found: InboxEvent[] = [];
    inbox.waitForAny('/', (event) => found.push(event));

    inbox.add('/', ['a']);
    inbox.add('/', ['b']);

    expect(found.map(({ name }) => name)).toEqual(['a']);
    expect(inbox.take('/')).toHaveLength(2);
  });

  it('says what it holds', () => {
    const inbox = new Inbox();
    expect(inbox.describe('/')).toBe('nothing was received');

    inbox.add('/', ['a']);
    inbox.add('/', ['b c']);
    inbox.add('/chat', ['d']);

    expect(inbox.describe('/')).toBe("received: 'a', 'b c'");
  });
});
