import { emit, OnEvent, SocketGateway, session } from 'nestjs-flask-socket';

@SocketGateway()
export class ChatGateway {
  @OnEvent('my event')
  handle(data: { text: string }) {
    session.last = data.text;
    emit('my response', data, { broadcast: true });
    return 'delivered';
  }
}
