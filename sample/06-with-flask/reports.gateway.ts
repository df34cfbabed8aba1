import { OnEvent, request, SocketGateway } from 'nestjs-flask-socket';
import { Jobs } from './jobs.js';

/** Takes orders. What becomes of them the clients hear from Python. */
@SocketGateway('/reports')
export class ReportsGateway {
  constructor(private readonly jobs: Jobs) {}

  @OnEvent('order')
  async order(title: string) {
    await this.jobs.add({ title, sid: request.sid });
    return 'ordered';
  }
}
