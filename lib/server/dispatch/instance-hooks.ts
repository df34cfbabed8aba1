import type { Log } from '../../common/logger.js';
import { describeThrown } from '../../common/printable.js';

/** Hooks of request-scoped and durable providers, called when the event or the connection is over. */
interface Hooked {
  onEventEnd?(): unknown;
  onConnectionEnd?(): unknown;
  [Symbol.asyncDispose]?(): unknown;
  [Symbol.dispose]?(): unknown;
}

type EndHook = 'onEventEnd' | 'onConnectionEnd';

/**
 * Tells instances that their time is over; an error of one is logged and keeps no other from hearing it. Those that
 * have no hook, which is most, cost a look.
 */
export function endInstances(instances: Iterable<unknown>, hook: EndHook, logger: Log): void | Promise<void> {
  let concerned: unknown[] | undefined;
  for (const instance of instances) {
    if (wantsToKnow(instance, hook)) (concerned ??= []).push(instance);
  }
  return concerned && tell(concerned, hook, logger);
}

/** An instance may be anything that its constructor made of it: a proxy that throws has no hook. */
function wantsToKnow(instance: unknown, hook: EndHook): boolean {
  try {
    const hooked = instance as Hooked;
    return [hooked[hook], hooked[Symbol.asyncDispose], hooked[Symbol.dispose]].some(isFunction);
  } catch {
    return false;
  }
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

async function tell(instances: readonly unknown[], hook: EndHook, logger: Log): Promise<void> {
  for (const instance of instances) {
    const hooked = instance as Hooked;
    await call(() => hooked[hook]?.(), { instance, logger, name: (type) => `${type}.${hook}()` });
    const dispose = () => (hooked[Symbol.asyncDispose] ?? hooked[Symbol.dispose])?.call(instance);
    await call(dispose, { instance, logger, name: (type) => `disposing of ${type}` });
  }
}

async function call(
  hook: () => unknown,
  { instance, logger, name }: { instance: unknown; logger: Log; name: (type: string) => string },
): Promise<void> {
  try {
    await hook();
  } catch (error) {
    const what = name(Object(instance).constructor?.name);
    logger.error(`Error in ${what}: ${describeThrown(error)}`, what);
  }
}
