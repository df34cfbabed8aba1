import { Injectable, UnauthorizedException } from '@nestjs/common';
import { PassportSerializer, PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-local';

export interface User {
  id: number;
  name: string;
}

/** A real application asks its database, and keeps no password but its hash. */
const ACCOUNTS = [
  { id: 1, name: 'ann', password: 'secret of ann' },
  { id: 2, name: 'bob', password: 'secret of bob' },
];

/** Who a name and a password belong to, and what a session remembers of it. */
@Injectable()
export class LocalStrategy extends PassportStrategy(Strategy) {
  validate(name: string, password: string): User {
    const account = ACCOUNTS.find((each) => each.name === name && each.password === password);
    if (!account) throw new UnauthorizedException('Wrong name or password');
    return { id: account.id, name };
  }
}

@Injectable()
export class UserSerializer extends PassportSerializer {
  serializeUser({ id }: User, done: (error: unknown, id: number) => void) {
    done(null, id);
  }

  deserializeUser(id: number, done: (error: unknown, user: User | false) => void) {
    const account = ACCOUNTS.find((each) => each.id === id);
    done(null, account ? { id, name: account.name } : false);
  }
}
