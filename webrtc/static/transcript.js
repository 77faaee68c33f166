/** The conversation as lines: interim text grows in place, typed text is shown before it is confirmed. */

const MAX_LINES = 500;

/** How it stands with a line that was typed; spoken lines are `SPOKEN`. */
export const Delivery = Object.freeze({
  SPOKEN: "spoken",
  SENDING: "sending",
  DELIVERED: "delivered",
  /** The call ended before the gateway took it. */
  LOST: "lost",
});

export class Transcript {
  #lines = [];
  #nextTyped = 1;

  get lines() {
    return this.#lines;
  }

  /**
   * Take a line as the gateway tells it; return the line as it now stands, or null if it is no more.
   *
   * The same id again replaces the text: a typed line is confirmed under the id that it was sent with,
   * and one of which nothing was heard after all is taken out.
   */
  update({ id, who, text, isFinal, isInterrupted }) {
    const line = this.#lines.find((each) => each.id === id)
      ?? this.#append({ id, who, delivery: Delivery.SPOKEN });
    if (line.delivery === Delivery.SENDING) line.delivery = Delivery.DELIVERED;
    Object.assign(line, { text, isFinal, isInterrupted });
    if (!isFinal || text !== "") return line;
    this.remove(line);
    return null;
  }

  /** Add what the person typed; returns the line, whose id goes with the message. */
  addTyped(text) {
    const id = `typed-${this.#nextTyped}`;
    this.#nextTyped += 1;
    return this.#append({
      id, who: "caller", text, isFinal: true, isInterrupted: false, delivery: Delivery.SENDING,
    });
  }

  /** Take a line out again. */
  remove(line) {
    this.#lines = this.#lines.filter((each) => each !== line);
  }

  /** The call is over: interim text will not become final, unconfirmed text will not arrive. */
  settle() {
    for (const line of this.#lines) {
      line.isFinal = true;
      if (line.delivery === Delivery.SENDING) line.delivery = Delivery.LOST;
    }
  }

  clear() {
    this.#lines = [];
  }

  #append(line) {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    return line;
  }
}
