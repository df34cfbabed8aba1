import { Controller, Get, StreamableFile } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';

/** The files of the page, and the gateway's source, which it shows; its Socket.IO client comes from the library, at `/socket.io/socket.io.js`. */
@Controller()
export class PageController {
  @Get()
  page() {
    return file('page/index.html', 'text/html; charset=utf-8');
  }

  @Get('demo.css')
  style() {
    return file('page/demo.css', 'text/css; charset=utf-8');
  }

  @Get('demo.js')
  script() {
    return file('page/demo.js', 'text/javascript; charset=utf-8');
  }

  @Get('demo.gateway.ts')
  gateway() {
    return file('demo.gateway.ts', 'text/plain; charset=utf-8'); // the build puts it beside its JavaScript
  }
}

function file(name: string, type: string) {
  return new StreamableFile(createReadStream(join(import.meta.dirname, name)), { type });
}
