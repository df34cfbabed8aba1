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
}
