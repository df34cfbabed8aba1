interface CookieJar {
  getCookies(access: object): { toValueString(): string }[];
}

/** A supertest (superagent) agent that has logged in, or the text of a `Cookie` header. */
export type HttpAgent = string | { jar: unknown };

/** The `Cookie` header that an agent would send. */
export function cookieHeader(agent: HttpAgent, path: string): Record<string, string> {
  if (typeof agent === 'string') return { cookie: agent };
  const jar = agent.jar as CookieJar;
  const cookies = jar.getCookies({ domain: '127.0.0.1', path, secure: false, script: false });
  const cookie = [...cookies].map((each) => each.toValueString()).join('; ');
  return cookie ? { cookie } : {};
}
