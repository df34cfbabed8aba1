import { session, type SocketSession } from 'nestjs-flask-socket';

export const username: string | undefined = session.username;
export const visits: number | undefined = session.visits;
export const other: unknown = session['other'];

export function rename(own: SocketSession): void {
  own.username = 'anna';
  own.visits = 1;
}
