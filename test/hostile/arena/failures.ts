/** Where something of the application can fail. */
export const HOOKS = [
  'middleware',
  'connect',
  'guard',
  'event',
  'callback',
  'error handler',
  'disconnect',
] as const;
export type Hook = (typeof HOOKS)[number];

/** What no client may learn. */
export const SECRET = 'the-password-of-the-database';

const text = `no connection as admin:${SECRET}@10.0.0.1`;

/** Has the secret wherever errors keep something. */
const secretError = () =>
  Object.assign(new Error(text, { cause: new Error(text) }), {
    name: SECRET,
    data: { text },
    [SECRET]: SECRET,
    response: text,
    getError: () => text,
  });

const FAIL = {
  throws: () => {
    throw secretError();
  },
  rejects: () => Promise.reject(secretError()),
  'rejects with a string': () => Promise.reject(text),
  'rejects with undefined': () => Promise.reject(undefined),
  'rejects with null': () => Promise.reject(null),
} as const;
export type Way = keyof typeof FAIL;
export const WAYS = Object.keys(FAIL) as Way[];

/** What a client asks for in its `auth`: that a hook fails, and how. */
export interface Wish {
  at: Hook;
  way: Way;
}

/** Fails, if that is what the client of this socket asks for. */
export function failAt(hook: Hook, { handshake }: { handshake: { auth: object } }): unknown {
  const wish = handshake.auth as Partial<Wish>;
  return wish.at === hook ? FAIL[wish.way!]() : undefined;
}
