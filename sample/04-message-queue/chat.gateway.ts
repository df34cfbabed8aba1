import { emit, joinRoom, OnEvent, request, SocketGateway, SocketIO } from 'nestjs-flask-socket';

/** Knows nothing of processes: rooms and clients are those of all of them. */
@SocketGateway('/chat')
export class ChatGateway {
  constructor(private readonly socketio: SocketIO) {}

  @OnEvent('join')
  join(room: string) {
    joinRoom(room);
    emit('joined', { room, process: process.pid }, { to: room });
  }

  @OnEvent('say')
  say(data: { room: string; text: string }) {
    emit('said', { text: data.text, process: process.pid }, { to: data.room });
  }

  @OnEvent('who')
  async who(room: string) {
    const members = await this.socketio.members(room, { namespace: '/chat' });
    return members.map(({ sid }) => sid);
  }

  @OnEvent('poll')
  async poll(data: { room: string; question: string }) {
    const members = await this.socketio.members(data.room, { namespace: '/chat' });
    const others = members.filter(({ sid }) => sid !== request.sid);
    return Promise.all(
      others.map(({ sid }) =>
        this.socketio.call('question', data.question, { to: sid, namespace: '/chat', timeout: 5000 }),
      ),
    );
  }
}
