#!/usr/bin/env node
import { execute } from './execute.js';

/** How long an open connection may keep the process alive, in milliseconds. */
const LINGERING = 3_000;

process.exitCode = await execute(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
});
setTimeout(() => process.exit(), LINGERING).unref();
