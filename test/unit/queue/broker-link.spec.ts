import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_MESSAGE } from '../../../lib/queue/broker-link.js';
import { Gate } from '../../support/journal.js';
import { FakeDriver, linkTo } from '../../support/units.js';

const SECRET = 'sixteen characters';

function linked(options: Parameters<typeof linkTo>[1] = {}) {
  const driver = new FakeDriver();
  const publish = (...texts: string[]) => {
    for (const text of texts) link.publish('topic', Buffer.from(text));
  };
  const published = () => driver.published.map(([, text]) => text);
  const { link, log } = linkTo(driver, options);
  return { driver, link, log, publish, published };
}

describe('the link to a broker', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('P6 keeps what is published while the broker is away, and sends it in its order', () => {
    const { driver, link, log, publish, published } = linked();
    publish('1');
    driver.away();
    publish('2');
    const before = published();
    driver.up();
    publish('3');

    expect([before, published(), link.state]).toEqual([[], ['1', '2', '3'], 'up']);
    expect(log.lines).toEqual([
      expect.stringMatching(/^warn: Message queue fake:\/\/ is away \(gone\)/),
      expect.stringMatching(/is back; 2 messages that waited are sent/),
    ]);
  });

  it('P6 sends what waited, and what follows, when those are ready who were told that the broker is there', async () => {
    const { driver, link, publish, published } = linked();
    const gate = new Gate();
    link.onConnected(() => gate.opened);
    publish('1');
    driver.up();
    publish('2');
    const before = published();
    gate.open();
    await vi.advanceTimersByTimeAsync(0);

    expect([before, published()]).toEqual([[], ['1', '2']]);
  });

  it('P6 says once that the broker is away, however often it is', () => {
    const { driver, log } = linked();
    for (let times = 0; times < 5; times++) driver.away(new Error(`reason ${times}`));

    expect(log.lines).toHaveLength(1);
  });

  it('P6 says so, too, when the broker says nothing at all for five seconds', () => {
    const { log } = linked();
    vi.advanceTimersByTime(5_000);

    expect(log.lines).toEqual([expect.stringMatching(/is away \('no answer yet'\)/)]);
  });

  it('P4 says what to do when the broker refuses the login', () => {
    const { driver, link, log } = linked({ name: 'redis://host' });
    driver.away();
    driver.away(new Error('WRONGPASS invalid username-password pair'));

    expect(link.isLoginRefused).toBe(true);
    expect(log.lines[1]).toMatch(/^error: .*refuses the login.*redis:\/\/user:password@host/);
  });

  it('P6 counts and logs what the broker did not take, and throws nothing', async () => {
    const { driver, link, log, publish } = linked();
    driver.up();
    driver.answer = () => Promise.reject(new Error('full'));
    publish('1');
    await vi.advanceTimersByTimeAsync(0);

    expect([link.counts.lost, log.lines[1]]).toEqual([
      1,
      expect.stringMatching(/1 message not published.*full/),
    ]);
  });

  it('P6 hands a broker that does not answer no more than 16 MB', () => {
    const { driver, link, publish, published } = linked();
    driver.answer = () => new Gate().opened;
    driver.up();
    publish(...Array.from({ length: 5 }, () => 'x'.repeat(4 * 1024 * 1024)));

    expect([published().length, link.counts.lost]).toEqual([3, 2]);
  });

  it('P6 neither sends nor takes what is too large', async () => {
    const { driver, link, published } = linked();
    driver.up();
    const heard: unknown[] = [];
    link.subscribe('topic', (payload) => void heard.push(payload));
    const payload = Buffer.alloc(MAX_MESSAGE + 1);
    link.publish('topic', payload);
    driver.hear('topic', payload);
    await expect(link.publishNow('topic', payload)).rejects.toThrow('FSK_MESSAGE_TOO_LARGE');

    expect([published(), heard, link.counts]).toEqual([[], [], { lost: 1, refused: 1 }]);
  });

  it('P4 hands its listeners what was signed with the secret, without the signature, and nothing else', () => {
    const sender = linked({ secret: SECRET });
    sender.driver.publish = (topic, payload) => Promise.resolve(driver.hear(topic, payload));
    sender.driver.up();
    const { driver, link } = linked({ secret: SECRET });
    const heard: string[] = [];
    link.subscribe('topic', (payload) => void heard.push(payload.toString()));
    sender.publish('signed');
    driver.hear('topic', 'not signed at all, but long enough');

    expect([heard, link.counts.refused]).toEqual([['signed'], 1]);
  });

  it('P4 counts what a listener cannot read, and throws nothing', () => {
    const { driver, link } = linked();
    link.subscribe('topic', () => {
      throw new TypeError('malformed');
    });
    driver.hear('topic', '{');

    expect(link.counts.refused).toBe(1);
  });

  it('P6 that delivers now rejects where the broker does not take it', async () => {
    const { driver, link } = linked();
    driver.up();
    driver.answer = () => Promise.reject(new Error('full'));

    await expect(link.publishNow('topic', Buffer.from('1'))).rejects.toThrow('full');
    expect(link.counts.lost).toBe(0);
  });

  it('P7 that is closed before its broker has answered waits for that, as long as it may', async () => {
    const { driver, link, publish, published } = linked();
    publish('last words');
    const closing = link.close(1_000);
    await vi.advanceTimersByTimeAsync(400);
    driver.up();
    await closing;

    expect([published(), driver.closedWithin, link.state]).toEqual([['last words'], [600], 'closed']);
  });

  it('P7 that is closed publishes nothing, and leaves no timer', async () => {
    const { driver, link, publish, published } = linked();
    driver.up();
    await link.close();
    publish('too late');

    expect([published(), vi.getTimerCount()]).toEqual([[], 0]);
  });
});
