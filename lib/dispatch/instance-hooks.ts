import type { Log } from '../common/logger.js';
import { describeThrown } from '../common/printable.js';

type EndHook = 'onEventEnd' | 'onConnectionEnd';
type Hook = (this: unknown) => unknown;

/**
 * Calls the end hook and the disposal of each instance, one after another; errors are logged. Most instances have
 * neither, and then no promise is made.
 */
export function callEndHooks(instances: Iterable<unknown>, hook: EndHook, logger: Log): void | Promise<void> {
  let hooked: [instance: object, hooks: Hook[]][] | undefined;
  for (const instance of instances) {
    const hooks = hooksOf(instance, hook);
    if (hooks) (hooked ??= []).push([instance as object, hooks]);
  }
  return hooked && callHooks(hooked, hook, logger);
}

/** The hook of an instance and its disposal; none if reading them throws, as with some proxies. */
function hooksOf(instance: unknown, hook: EndHook): Hook[] | undefined {
  try {
    const own = hookOf(instance, hook);
    const disposal = hookOf(instance, Symbol.asyncDispose) ?? hookOf(instance, Symbol.dispose);
    if (own) return disposal ? [own, disposal] : [own];
    return disposal && [disposal];
  } catch {
    return undefined;
  }
}

/** Checks with `in` first: test doubles return a function for every key that is read. */
function hookOf(
  instance: unknown,
  key: EndHook | typeof Symbol.asyncDispose | typeof Symbol.dispose,
): Hook | undefined {
  if (typeof instance !== 'object' || instance === null || !(key in instance)) return undefined;
  const hook = (instance as Record<typeof key, unknown>)[key];
  return typeof hook === 'function' ? (hook as Hook) : undefined;
}

async function callHooks(
  hooked: readonly [instance: object, hooks: readonly Hook[]][],
  name: EndHook,
  logger: Log,
): Promise<void> {
  for (const [instance, hooks] of hooked) {
    for (const hook of hooks) {
      await callHook(hook, instance).catch((error: unknown) => {
        const place =
          hook.name === name ? `${classOf(instance)}.${name}()` : `disposing of ${classOf(instance)}`;
        logger.error(`Error in ${place}: ${describeThrown(error)}`, place);
      });
    }
  }
}

async function callHook(hook: Hook, instance: object): Promise<void> {
  await hook.call(instance);
}

function classOf(instance: object): string {
  try {
    return instance.constructor.name;
  } catch {
    return 'an instance';
  }
}
