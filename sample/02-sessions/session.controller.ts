import { Body, Controller, Get, HttpCode, Post, Session, StreamableFile } from '@nestjs/common';
import type { SessionData } from 'express-session';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';

/** HTTP's half. */
@Controller()
export class SessionController {
  @Get()
  page() {
    const page = createReadStream(join(import.meta.dirname, 'page', 'index.html'));
    return new StreamableFile(page, { type: 'text/html; charset=utf-8' });
  }

  @Get('session')
  get(@Session() session: Partial<SessionData>) {
    return { value: session.value ?? '' };
  }

  @Post('session')
  @HttpCode(204)
  set(@Session() session: Partial<SessionData>, @Body() { value }: { value: unknown }) {
    if (typeof value === 'string') session.value = value;
  }
}
