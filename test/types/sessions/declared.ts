import 'express-session';
import 'nestjs-flask-socket';

declare module 'express-session' {
  interface SessionData {
    username: string;
  }
}

declare module 'nestjs-flask-socket' {
  interface SessionData {
    visits?: number;
  }

  interface RequestUser {
    id: number;
  }

  interface EventGlobals {
    startedAt?: number;
  }
}
