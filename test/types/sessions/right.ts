import {
  FlaskSocketModule,
  g,
  request,
  session,
  SocketRequest,
  type SocketSession,
} from 'nestjs-flask-socket';

export const username: string | undefined = session.username;
export const visits: number | undefined = session.visits;
export const other: unknown = session['other'];

export function rename(own: SocketSession): void {
  own.username = 'anna';
  own.visits = 1;
}

export const id: number | undefined = request.user?.id;
export const idOf = (injected: SocketRequest): number | undefined => injected.user?.id;
export const startedAt: number | undefined = g.startedAt;
export const bag: unknown = g['other'];

export function logIn(): void {
  request.user = { id: 7 };
  g.startedAt = Date.now();
}

export function logOut(): void {
  request.user = null;
}

FlaskSocketModule.forRoot({ identify: ({ user }) => user?.id });
