import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OnEvent } from 'nestjs-flask-socket';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, connected, startApp } from '../support/app.js';
import { freePort, scratchFolder, ServerProcess } from '../support/server-process.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

class EchoGateway {
  @OnEvent('echo')
  echo(value: unknown) {
    return value;
  }
}

/** What the documentation shows, with this server in it. */
function documented(port: number): string {
  const text = readFileSync(`${root}docs/deployment.md`, 'utf8');
  const [, location] = /### Under a sub-path[^]*?```nginx\n([^]*?)```/.exec(text)!;
  return location!.replace('127.0.0.1:5000', `127.0.0.1:${port}`);
}

async function nginxBefore(port: number): Promise<number> {
  const own = await freePort();
  const folder = scratchFolder('nginx');
  const configuration = `daemon off; pid nginx.pid; error_log stderr; events {}
    http {
      access_log off;
      client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
      map $http_upgrade $connection_upgrade { "" ""; default upgrade; }
      server { listen 127.0.0.1:${own}; ${documented(port)} }
    }`;
  writeFileSync(join(folder, 'nginx.conf'), configuration);
  const nginx = new ServerProcess({
    command: ['/usr/sbin/nginx', '-p', folder, '-c', 'nginx.conf'],
    port: own,
  });
  await nginx.start();
  onTestFinished(() => nginx.stop());
  return own;
}

describe.skipIf(!have('nginx'))('an application under a sub-path, behind nginx', { timeout: 60_000 }, () => {
  it('P3 I4 I5 serves both transports and the script there, and nothing elsewhere', async () => {
    const { port } = await startApp({ providers: [EchoGateway] });
    const origin = `http://127.0.0.1:${await nginxBefore(port)}`;
    const answers = [];
    for (const transport of ['polling', 'websocket']) {
      const client = io(origin, { path: '/app/socket.io', transports: [transport], forceNew: true });
      onTestFinished(() => void client.close());
      await connected(client);
      answers.push(await ask(client, 'echo', transport));
    }
    const script = await fetch(`${origin}/app/socket.io/socket.io.js`);
    const elsewhere = await fetch(`${origin}/socket.io/socket.io.js`);

    expect(answers).toEqual([['polling'], ['websocket']]);
    expect([script.status, elsewhere.ok]).toEqual([200, false]);
    expect(script.headers.get('content-type')).toContain('javascript');
  });
});
