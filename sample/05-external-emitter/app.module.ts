import { Controller, Get, Header, Module, StreamableFile } from '@nestjs/common';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { LookController } from '../shared/look.controller.js';

/** The board, which shows what arrives in namespace `/board`. */
@Controller()
class BoardController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  board() {
    return new StreamableFile(createReadStream(join(import.meta.dirname, 'page', 'board.html')));
  }
}

@Module({
  imports: [
    FlaskSocketModule.forRoot({
      messageQueue: process.env['MESSAGE_QUEUE'] ?? 'redis://127.0.0.1',
      namespaces: ['/board'],
    }),
  ],
  controllers: [LookController, BoardController],
})
export class AppModule {}
