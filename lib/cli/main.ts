#!/usr/bin/env node
import { execute } from './execute.js';

/** A connection that does not close keeps the process no longer, in milliseconds. */
const LINGERING = 3_000;

process.exitCode = await execute(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  say: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
});
setTimeout(() => process.exit(), LINGERING).unref();
