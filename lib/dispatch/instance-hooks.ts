import type { Log } from '../common/logger.js';
import { describeThrown } from '../common/printable.js';

type EndHook = 'onEventEnd' | 'onConnectionEnd';
type Hook = (this: unknown) => unknown;

/**
 * Tells instances that their time is over; an error of one is logged and keeps no other from hearing it. Those that
 * have no hook, which is most, cost a look.
 */
export function endInstances(instances: Iterable<unknown>, hook: EndHook, logger: Log): void | Promise<void> {
  let concerned: [instance: object, hooks: Hook[]][] | undefined;
  for (const instance of instances) {
    const hooks = hooksOf(instance, hook);
    if (hooks) (concerned ??= []).push([instance as object, hooks]);
  }
  return concerned && tell(concerned, hook, logger);
}

/** The hook of an instance and its disposal. One that will not be looked at, a proxy for example, has none. */
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

/** Only what is there: a stub may make something of whatever it is asked for. */
function hookOf(
  instance: unknown,
  key: EndHook | typeof Symbol.asyncDispose | typeof Symbol.dispose,
): Hook | undefined {
  if (typeof instance !== 'object' || instance === null || !(key in instance)) return undefined;
  const hook = (instance as Record<typeof key, unknown>)[key];
  return typeof hook === 'function' ? (hook as Hook) : undefined;
}

async function tell(
  concerned: readonly [instance: object, hooks: readonly Hook[]][],
  name: EndHook,
  logger: Log,
): Promise<void> {
  for (const [instance, hooks] of concerned) {
    for (const hook of hooks) {
      await call(hook, instance).catch((error: unknown) => {
        const place =
          hook.name === name ? `${classOf(instance)}.${name}()` : `disposing of ${classOf(instance)}`;
        logger.error(`Error in ${place}: ${describeThrown(error)}`, place);
      });
    }
  }
}

async function call(hook: Hook, instance: object): Promise<void> {
  await hook.call(instance);
}

function classOf(instance: object): string {
  try {
    return instance.constructor.name;
  } catch {
    return 'an instance';
  }
}
