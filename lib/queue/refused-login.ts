/** What brokers say to a login that they will not take later either: RabbitMQ and PostgreSQL by a code, others in words. */
const CODES: ReadonlySet<unknown> = new Set(['ACCESS_REFUSED', 'NOT_ALLOWED', '28P01', '28000']);
const WORDS = /^(WRONGPASS|NOAUTH|NOPERM)\b|authorization violation/i;

/** Whether a broker is there, and does not let this process in. */
export function isRefusedLogin(reason: unknown): boolean {
  if (!(reason instanceof Error)) return false;
  return CODES.has((reason as { code?: unknown }).code) || WORDS.test(reason.message);
}

/** What to do about it; `url` is the URL of the broker. */
export function howToLogIn(url: string): string {
  const scheme = url.slice(0, url.indexOf('://'));
  return `Write a user and a password that it knows into its URL: ${scheme}://user:password@host`;
}
