import { request } from 'nestjs-flask-socket';

declare global {
  namespace Express {
    interface User {
      id: number;
    }
  }
}

export const id: number | undefined = request.user?.id;

// @ts-expect-error the client may be nobody
export const certain: number = request.user.id;
