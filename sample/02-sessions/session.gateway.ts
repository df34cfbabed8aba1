import { emit, OnEvent, session, SocketGateway } from 'nestjs-flask-socket';

declare module 'express-session' {
  /** Known to HTTP and to handlers. */
  interface SessionData {
    value: string;
  }
}

/** The sockets' half. */
@SocketGateway()
export class SessionGateway {
  @OnEvent('get session')
  get() {
    emit('refresh session', { value: session.value ?? '' });
  }

  @OnEvent('set session')
  set({ value }: { value: string }) {
    if (typeof value === 'string') session.value = value;
  }
}
