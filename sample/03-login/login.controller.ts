import {
  Controller,
  Get,
  HttpCode,
  Injectable,
  Post,
  Req,
  StreamableFile,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { SocketIO } from 'nestjs-flask-socket';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { User } from './users.js';

/** Asks the local strategy, then starts a new session for the user: passport gives it a new id. */
@Injectable()
class LoginGuard extends AuthGuard('local') {
  override async canActivate(context: ExecutionContext) {
    await super.canActivate(context);
    await super.logIn(context.switchToHttp().getRequest());
    return true;
  }
}

interface LoggedIn {
  user?: User;
  logout(done: (error?: Error) => void): void;
}

/** The login: as in any Nest application with passport, but for the last line. */
@Controller()
export class LoginController {
  constructor(private readonly socketio: SocketIO) {}

  @Get()
  page() {
    const page = createReadStream(join(import.meta.dirname, 'page', 'index.html'));
    return new StreamableFile(page, { type: 'text/html; charset=utf-8' });
  }

  @Post('login')
  @HttpCode(204)
  @UseGuards(LoginGuard)
  login() {}

  @Post('logout')
  @HttpCode(204)
  async logout(@Req() request: LoggedIn) {
    const { user } = request;
    await new Promise<void>((resolve, reject) =>
      request.logout((error) => (error ? reject(error) : resolve())),
    );
    if (user) this.socketio.disconnectUser(user.id); // in every tab, on every device
  }
}
