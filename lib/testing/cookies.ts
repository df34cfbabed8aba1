import { failure } from '../common/errors.js';

interface CookieJar {
  getCookies(access: object): { toValueString(): string }[];
}

/** A supertest (superagent) agent that has logged in, or the text of a `Cookie` header. */
export type HttpAgent = string | { jar: unknown };

/** The `Cookie` header that an agent would send. */
export function cookieHeader(
  agent: HttpAgent,
  { path, secure }: { path: string; secure: boolean },
): { cookie?: string } {
  if (typeof agent === 'string') return { cookie: agent };
  const jar = agent.jar as Partial<CookieJar> | undefined;
  if (!jar?.getCookies) throw failure('FSK_TEST_INVALID_AGENT');
  const found = jar.getCookies({ domain: '127.0.0.1', path, secure, script: false });
  const cookie = [...found].map((each) => each.toValueString()).join('; ');
  return cookie ? { cookie } : {};
}
