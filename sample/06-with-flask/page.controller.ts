import { Controller, Get, StreamableFile } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';

/** The page and its script; Socket.IO's client comes from the library, at `/socket.io/socket.io.js`. */
@Controller()
export class PageController {
  @Get()
  page() {
    return file('index.html', 'text/html; charset=utf-8');
  }

  @Get('reports.js')
  script() {
    return file('reports.js', 'text/javascript; charset=utf-8');
  }
}

function file(name: string, type: string) {
  return new StreamableFile(createReadStream(join(import.meta.dirname, 'page', name)), { type });
}
