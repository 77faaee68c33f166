/** Does something once after events that come in heaps: when they have settled, and now and then while they do not. */

const MOST_MS = 2_000;

export class Later {
  #work;
  #delayMs;
  #mostMs;
  #settling = 0;
  #limit = 0;

  constructor(work, delayMs, mostMs = MOST_MS) {
    this.#work = work;
    this.#delayMs = delayMs;
    this.#mostMs = Math.max(mostMs, delayMs);
  }

  /** Something happened. */
  ask() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.cancel();
      this.#work();
    }, this.#delayMs);
    // On a busy gateway the next event comes before the last one has settled, for hours.
    this.#limit ||= setTimeout(() => {
      this.#limit = 0;
      this.#work();
    }, this.#mostMs);
  }

  cancel() {
    clearTimeout(this.#settling);
    clearTimeout(this.#limit);
    this.#limit = 0;
  }
}
