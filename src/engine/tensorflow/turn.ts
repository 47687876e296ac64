/** Milliseconds after which others have a turn; giving one takes some hundredths of one. */
const LONGEST = 50;

let last = performance.now();

/**
 * Lets signals, timers and streams have their turn now and then. TensorFlow computes on the thread of JavaScript, so that a
 * loop of runs that are only awaited would not hear a Ctrl-C before its end.
 */
export async function turn(): Promise<void> {
  if (performance.now() - last < LONGEST) return;
  await new Promise((resolve) => setImmediate(resolve));
  last = performance.now();
}
