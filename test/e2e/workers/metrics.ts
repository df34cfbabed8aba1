// The application that worker-metrics.spec.ts starts: two workers, whose metrics the primary process gathers on a port
// of its own, as docs/deployment.md shows. It prints where both are.
import 'reflect-metadata';
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { FlaskSocketModule, OnEvent, run, SocketGateway } from 'nestjs-flask-socket';
import { FlaskSocketMetricsModule } from 'nestjs-flask-socket/metrics';
import { AggregatorRegistry, register } from 'prom-client';

@SocketGateway()
class WhereGateway {
  @OnEvent('where')
  where() {
    return process.pid;
  }
}

@Module({
  imports: [
    FlaskSocketModule.forRoot(),
    FlaskSocketMetricsModule.forRoot({ registry: register, path: false }),
  ],
  providers: [WhereGateway],
})
class AppModule {}

const all = new AggregatorRegistry();
if (cluster.isPrimary) {
  const server = createServer((_, response) => {
    all.clusterMetrics().then(
      (text) => response.setHeader('Content-Type', all.contentType).end(text),
      () => response.writeHead(503).end(),
    );
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`metrics on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
  });
}
await run(AppModule, { port: 0, workers: 2, nest: { logger: ['error', 'warn', 'log'] } });
