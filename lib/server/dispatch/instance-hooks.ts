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

function wantsToKnow(instance: unknown, hook: EndHook): boolean {
  if (typeof instance !== 'object' || instance === null) return false; // a factory may have made anything
  const hooked = instance as Hooked;
  return Boolean(hooked[hook] ?? hooked[Symbol.asyncDispose] ?? hooked[Symbol.dispose]);
}

async function tell(instances: readonly unknown[], hook: EndHook, logger: Log): Promise<void> {
  for (const instance of instances) {
    const hooked = instance as Hooked;
    const name = (instance as object).constructor?.name;
    await call(hooked[hook], { instance, logger, name: `${name}.${hook}()` });
    const dispose = hooked[Symbol.asyncDispose] ?? hooked[Symbol.dispose];
    await call(dispose, { instance, logger, name: `disposing of ${name}` });
  }
}

async function call(
  hook: (() => unknown) | undefined,
  { instance, logger, name }: { instance: unknown; logger: Log; name: string },
): Promise<void> {
  try {
    await hook?.call(instance);
  } catch (error) {
    logger.error(`Error in ${name}: ${describeThrown(error)}`, name);
  }
}
