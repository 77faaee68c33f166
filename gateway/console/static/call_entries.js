/** The entries of one call, put together from what was asked for and from the stream, which cross each other. */

const RECENT = 100;

/** The same entry has no number in the stream, but it has its moment. */
const keyOf = ({ kind, offset_ms: offsetMs, text }) => `${kind} ${Math.round(offsetMs)} ${text ?? ""}`;

export class CallEntries {
  all = [];
  #recent = [];

  /** Add one that the stream told of. */
  add(entry) {
    this.all.push(entry);
    this.#recent.push(entry);
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  /** Begin anew with all that was written when it was asked; what the stream told meanwhile comes after it. */
  reset(timeline) {
    const known = new Set(timeline.map(keyOf));
    this.all = [...timeline, ...this.#recent.filter((entry) => !known.has(keyOf(entry)))];
  }
}
