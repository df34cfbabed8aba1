/** How long a slice of one client's packets may take, in milliseconds, with what their handlers do at once. */
export const SLICE_MILLISECONDS = 2;

/** How many packets a slice has at most. */
const LARGEST_SLICE = 500;

/** How many packets the next slice may have, after one of `slice` packets that took so many milliseconds. */
export function nextSlice(slice: number, milliseconds: number): number {
  if (milliseconds > 2 * SLICE_MILLISECONDS) return Math.max(1, slice >> 1);
  return milliseconds < SLICE_MILLISECONDS ? Math.min(LARGEST_SLICE, slice << 1) : slice;
}
