import { g, request, session } from 'nestjs-flask-socket';

// @ts-expect-error express-session's declaration says that it is a string
session.username = 1;

// @ts-expect-error and that it may not be there
export const username: string = session.username;

// @ts-expect-error ours says that it is a number
session.visits = 'one';

// @ts-expect-error what nobody declared is unknown
export const other: string = session['other'];

// @ts-expect-error it is declared as a number
request.user = { id: 'seven' };

// @ts-expect-error the client may be nobody
export const id: number = request.user.id;

// @ts-expect-error it is declared as a number
g.startedAt = 'now';

// @ts-expect-error what nobody declared is unknown
export const bag: string = g['other'];
