import { Controller, Get, StreamableFile } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';

/** What the pages of all samples share: how they look, and how they say what went wrong. */
@Controller()
export class LookController {
  @Get('style.css')
  style() {
    return file('style.css', 'text/css; charset=utf-8');
  }

  @Get('trouble.js')
  trouble() {
    return file('trouble.js', 'text/javascript; charset=utf-8');
  }

  @Get(['favicon.svg', 'favicon.ico']) // browsers ask for the latter where a page names none
  icon() {
    return file('favicon.svg', 'image/svg+xml');
  }
}

function file(name: string, type: string) {
  return new StreamableFile(createReadStream(join(import.meta.dirname, 'page', name)), { type });
}
