import { SocketIO } from 'nestjs-flask-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { waitForConnectingClients } from '../../lib/server/run/process.js';
import { startApp } from '../support/app.js';

const handshake = '/socket.io/?EIO=4&transport=polling';

describe('a worker that is replaced', () => {
  it('P2 waits for a client that is half connected', async () => {
    const app = await startApp({ options: { namespaces: '*' } });
    const { server } = app.get(SocketIO);
    const opened = await fetch(app.url + handshake).then((response) => response.text());
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
    let arrived = false;
    vi.useFakeTimers({ toFake: ['Date'] }); // the deadline does not come
    onTestFinished(() => void vi.useRealTimers());

    const waiting = waitForConnectingClients(server, () => false).then(() => (arrived = true));
    await fetch(app.url); // a while
    const before = arrived;
    await fetch(`${app.url}${handshake}&sid=${sid}`, { method: 'POST', body: '40' });
    await waiting;

    expect([before, server.sockets.sockets.size]).toEqual([false, 1]);
  });
});
