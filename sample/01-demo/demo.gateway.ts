import {
  args,
  closeRoom,
  disconnect,
  emit,
  joinRoom,
  leaveRoom,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  request,
  rooms,
  send,
  session,
  SocketGateway,
} from 'nestjs-flask-socket';

declare module 'nestjs-flask-socket' {
  interface SessionData {
    receiveCount?: number;
  }
}

/** Every card of the page is one of these handlers. Without a recipient, `emit` and `send` answer the sender. */
@SocketGateway('/test')
export class DemoGateway {
  #clients = 0;

  @OnConnect()
  connect() {
    emit('my response', `Connected as ${request.sid}`);
    emit('clients', ++this.#clients, { broadcast: true });
  }

  @OnDisconnect()
  disconnected() {
    emit('clients', --this.#clients, { broadcast: true, includeSelf: false });
  }

  @OnEvent('my event')
  echo(text: string, number: number) {
    emit('my response', args(text, number));
    return args('one', 2); // the acknowledgement: the client's callback gets two arguments
  }

  @OnEvent('message')
  text(text: string) {
    send(text);
  }

  @OnEvent('json')
  json(data: unknown) {
    send(data, { json: true });
  }

  @OnEvent('my broadcast event')
  broadcast(text: string) {
    emit('my response', text, { broadcast: true });
  }

  @OnEvent('join')
  join(room: string) {
    joinRoom(room);
    send(`${request.sid} has entered ${room}.`, { to: room });
    return rooms();
  }

  @OnEvent('leave')
  leave(room: string) {
    leaveRoom(room);
    send(`${request.sid} has left ${room}.`, { to: room });
    return rooms();
  }

  @OnEvent('my room event')
  toRoom(room: string, text: string) {
    emit('my response', text, { to: room });
  }

  @OnEvent('close room')
  close(room: string) {
    emit('room closed', room, { to: room });
    closeRoom(room);
  }

  @OnEvent('my rooms')
  listRooms() {
    return rooms();
  }

  @OnEvent('my session event')
  remember() {
    session.receiveCount ??= 0;
    return ++session.receiveCount;
  }

  @OnEvent('my error event')
  fail() {
    throw new Error('This handler always fails.');
  }

  @OnError()
  failed(error: Error) {
    const { message } = request.event;
    return { event: message, error: error.message }; // the acknowledgement of the event that failed
  }

  @OnEvent('disconnect request')
  goodbye() {
    emit('my response', 'Disconnected!', {
      callback: () => disconnect(), // once the client has acknowledged
    });
  }

  @OnEvent('my ping')
  ping(sent: number) {
    emit('my pong', sent);
  }
}
