import type { FlaskSocketLogger } from '../common/logger.js';
import { describeThrown } from '../common/printable.js';

/** Hooks of request-scoped and durable providers, called when the event or the connection is over. */
interface Hooked {
  onEventEnd?(): unknown;
  onConnectionEnd?(): unknown;
  [Symbol.asyncDispose]?(): unknown;
  [Symbol.dispose]?(): unknown;
}

/** Tells instances that their time is over; an error of one is logged and keeps no other from hearing it. */
export async function endInstances(
  instances: Iterable<unknown>,
  hook: 'onEventEnd' | 'onConnectionEnd',
  logger: FlaskSocketLogger,
): Promise<void> {
  for (const instance of instances) {
    const {
      [hook]: end,
      [Symbol.asyncDispose]: disposeLater,
      [Symbol.dispose]: dispose,
    } = Object(instance) as Hooked; // a factory may have made anything
    const name = (Object(instance) as object).constructor?.name;
    await call(end, { instance, logger, name: `${name}.${hook}()` });
    await call(disposeLater ?? dispose, { instance, logger, name: `disposing of ${name}` });
  }
}

async function call(
  hook: (() => unknown) | undefined,
  { instance, logger, name }: { instance: unknown; logger: FlaskSocketLogger; name: string },
): Promise<void> {
  try {
    await hook?.call(instance);
  } catch (error) {
    logger.error(`Error in ${name}: ${describeThrown(error)}`);
  }
}
