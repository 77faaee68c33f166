/** Reads a room's timeline page by page and on from there: one reading at a time, nothing twice, nothing left out. */

const PAGES_MOST = 20;

export class RoomReader {
  #ask;
  #take;
  #reading = null;
  #isWanted = false;
  /** The number of the last entry that was read; 0 before the first. */
  seen = 0;

  /**
   * @param {(after: number) => Promise<{timeline: object[], next_after: number|null}>} ask
   * @param {(entries: object[], isFirst: boolean) => void} take is given entries in order
   */
  constructor(ask, take) {
    this.#ask = ask;
    this.#take = take;
  }

  /** Read what is not read yet; what was added while another reading goes on is read after it. */
  more() {
    this.#isWanted = true;
    this.#reading ??= this.#read().finally(() => { this.#reading = null; });
    return this.#reading;
  }

  async #read() {
    while (this.#isWanted) {
      this.#isWanted = false;
      for (let page = 0; page < PAGES_MOST; page += 1) {
        const { timeline, next_after: next } = await this.#ask(this.seen);
        if (timeline.length > 0) {
          const isFirst = this.seen === 0;
          this.seen = timeline.at(-1).seq;
          this.#take(timeline, isFirst);
        }
        if (next === null) break;
      }
    }
  }
}
