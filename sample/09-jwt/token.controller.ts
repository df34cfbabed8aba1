import { Body, Controller, Get, Post, StreamableFile } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Tokens } from './tokens.js';

@Controller()
export class TokenController {
  constructor(private readonly tokens: Tokens) {}

  @Get()
  page() {
    const page = createReadStream(join(import.meta.dirname, 'page', 'index.html'));
    return new StreamableFile(page, { type: 'text/html; charset=utf-8' });
  }

  /** A real application asks for more than a name before it gives a token away. */
  @Post('token')
  token(@Body('name') name: unknown) {
    return { token: this.tokens.issue(String(name)) };
  }
}
