import { describeThrown, printable } from '../../common/printable.js';
import { guarded } from '../../common/thenable.js';
import type { Kept } from '../../socketio/memory-adapter.js';

/** How an adapter keeps it. */
type Persist = (kept: Kept) => unknown;

/** Clients go in closes and timers, which nothing may break: what an adapter cannot encode is left out. */
export function persistSafely(persist: Persist, kept: Kept, report: (line: string) => void): void {
  const lost = (thrown: unknown) => report(`nothing of it is kept: ${describeThrown(thrown)}`);
  void guarded<unknown>(
    () => persist(kept),
    (thrown) => {
      const fits = ([key, value]: [string, unknown]) => canKeep(persist, { ...kept, data: { [key]: value } });
      const entries = Object.entries(kept.data as object) as [string, unknown][];
      const fitting = entries.filter(fits);
      const names = entries.filter((entry) => !fitting.includes(entry)).map(([key]) => printable(key));
      if (names.length === 0) return lost(thrown);
      report(`its data ${names.join(', ')} cannot be kept for its return: ${describeThrown(thrown)}`);
      return guarded(() => persist({ ...kept, data: Object.fromEntries(fitting) }), lost);
    },
  );
}

function canKeep(persist: Persist, kept: Kept): boolean {
  try {
    void Promise.resolve(persist(kept)).catch(() => {});
    return true;
  } catch {
    return false;
  }
}
