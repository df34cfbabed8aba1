import { failureFrom } from '../common/errors.js';

/** Loads a package that the application has to install; `purpose` says what needs it. */
export async function load<T>(name: string, purpose: string): Promise<T> {
  try {
    return (await import(name)) as T;
  } catch (cause) {
    throw failureFrom(cause, 'FSK_MISSING_PACKAGE', name, purpose);
  }
}
