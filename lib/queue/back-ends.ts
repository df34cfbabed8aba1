import { failure } from '../common/errors.js';
import type { Backend } from './queue.js';

/** From the scheme of a URL to its back end; each is loaded when it is asked for. */
const BACK_ENDS: Readonly<Record<string, () => Promise<{ backend: Backend }>>> = {
  redis: () => import('./redis.js'),
  rediss: () => import('./redis.js'),
};

/** The schemes of `messageQueue`, for documentation and tests. */
export const SCHEMES = Object.keys(BACK_ENDS);

/** The back end of a URL; throws `FSK_UNKNOWN_QUEUE` for a scheme that there is none for. */
export async function backendOf(url: string): Promise<Backend> {
  const load = BACK_ENDS[schemeOf(url)];
  if (!load) throw failure('FSK_UNKNOWN_QUEUE', schemeOf(url), SCHEMES.join('://, '));
  return (await load()).backend;
}

/** What stands before `://`. */
function schemeOf(url: string): string {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase() ?? '';
}

/** The URL without its password, for the log. */
export function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^/?#]*?):[^/?#]*@/, '$1:***@');
}
