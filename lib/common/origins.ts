import { ANY } from './constants.js';
import { printable } from './printable.js';

/** A parsed entry of option `corsAllowedOrigins`. */
interface Pattern {
  protocol: string;
  port: string;
  /** The host, or its end if the entry has a wildcard. */
  host: string;
  hasSubdomains: boolean;
}

/** `https://app.example`, or `https://*.app.example` for its subdomains. */
const ORIGIN = /^([a-z][a-z0-9+.-]*:\/\/)(\*\.)?([^*]+)$/i;

/** A normalized origin; `undefined` for `null`, files and invalid origins. */
export function originOf(text: string): string | undefined {
  const pattern = text.includes('*') ? undefined : patternOf(text);
  return pattern && `${pattern.protocol}//${pattern.host}${pattern.port && `:${pattern.port}`}`;
}

/** Whether a list of origins allows one. */
export function allowsOrigin(list: readonly string[], origin: string): boolean {
  if (list.includes(ANY)) return true;
  const wanted = origin.includes('*') ? undefined : patternOf(origin);
  return wanted !== undefined && list.some((text) => fits(patternOf(text), wanted));
}

/** The problem of an origin that no page can have, and the advice; `undefined` for a valid one. */
export function problemOfOrigin(text: string): string | undefined {
  if (text === ANY || patternOf(text)) return undefined;
  return `names ${printable(text)}, which no page can have: ${adviceFor(text)}`;
}

function fits(pattern: Pattern | undefined, wanted: Pattern): boolean {
  if (pattern?.protocol !== wanted.protocol || pattern.port !== wanted.port) return false;
  return pattern.hasSubdomains ? wanted.host.endsWith(`.${pattern.host}`) : wanted.host === pattern.host;
}

/** A page's scheme is never `file:` (it sends `null` then) nor that of a WebSocket. */
function patternOf(text: string): Pattern | undefined {
  const [, scheme = '', wildcard, rest] = ORIGIN.exec(text.trim()) ?? [];
  if (rest === undefined || !URL.canParse(scheme + rest)) return undefined;
  const { protocol, hostname, port } = new URL(scheme + rest);
  if (hostname === '' || ['ws:', 'wss:', 'file:'].includes(protocol)) return undefined;
  return { protocol, port, host: hostname.toLowerCase(), hasSubdomains: wildcard !== undefined };
}

function adviceFor(text: string): string {
  const several = text.split(/[\s,;]+/).filter(Boolean);
  if (several.length === 0) return 'leave it out, or write one like https://app.example';
  if (several.length > 1) return `several make a list: [${several.map((each) => `'${each}'`).join(', ')}]`;
  if (text === 'null' || text.startsWith('file:'))
    return "pages from files and in sandboxed frames send 'null', which a function may allow: (origin) => origin === 'null'";
  const scheme = /^(localhost|\d+(\.\d+){3}|\[.*\])(:|$)/i.test(text) ? 'http' : 'https';
  const written = text.replace(/^(https?):?\/+/i, '$1://').replace(/^ws(?=s?:)/i, 'http');
  const whole = written.includes('://') ? written : `${scheme}://${written}`;
  if (patternOf(whole)) return `write ${printable(whole)}`;
  return "it is scheme://host:port; '*' may stand before the domain, as in https://*.domain.com, or alone for every page; for more there is a function";
}
