/** Taken when this module is loaded: a test's fake timers do not stop the test client. */
const realImmediate = setImmediate;
const realTimeout = setTimeout;
const realClear = clearTimeout;

/** This many turns of the event loop without traffic count as quiet. */
const QUIET_TURNS = 3;

const turn = () => new Promise<void>((resolve) => realImmediate(resolve));

/** Resolves when nothing has moved for some turns of the event loop. */
export async function quiet(moved: () => number): Promise<void> {
  for (let turns = 0, before = moved(); turns < QUIET_TURNS; turns++) {
    await turn();
    if (moved() !== before) turns = -1;
    before = moved();
  }
}

/** Waits for real milliseconds. */
export function realDelay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => realTimeout(resolve, milliseconds));
}

/** What `start` resolves, or an error after real milliseconds; `start` returns what stops the waiting. */
export function within<T>(
  milliseconds: number,
  late: () => Error,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const timer = realTimeout(() => {
      stop();
      reject(late());
    }, milliseconds);
    const over =
      <V>(settle: (value: V) => void) =>
      (value: V) => {
        realClear(timer);
        settle(value);
      };
    stop = start(over(resolve), over(reject));
  });
}
