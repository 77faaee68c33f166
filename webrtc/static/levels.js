/** How loud, as a part of a meter: 0 is silence, 1 is as loud as speech gets. */

const FLOOR_DBFS = -56;
const FULL_DBFS = -14;
/** A meter falls slower than it rises, or it flickers. */
const FALL_PER_S = 2.6;

/** Return the level of one block of samples between -1 and 1. */
export function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms === 0) return 0;
  const dbfs = 20 * Math.log10(rms);
  return Math.max(0, Math.min(1, (dbfs - FLOOR_DBFS) / (FULL_DBFS - FLOOR_DBFS)));
}

/** Return what the meter shows after `elapsedS`, having shown `shown`. */
export function fallTowards(shown, level, elapsedS) {
  return Math.max(level, shown - FALL_PER_S * elapsedS, 0);
}
