/** The conversation as lines: interim text grows in place, typed text is shown before it comes back. */

const MAX_LINES = 500;

export class Transcript {
  #lines = [];
  #nextTyped = 1;

  get lines() {
    return this.#lines;
  }

  /**
   * Take a line as the gateway tells it; return the line as it now stands.
   *
   * The same id again replaces the text. The gateway's copy of a typed line takes the typed one's place.
   */
  update({ id, who, text, isFinal, isInterrupted }) {
    const line = this.#lines.find((each) => each.id === id) ?? this.#adopt(who, text);
    if (line === undefined) {
      return this.#append({ id, who, text, isFinal, isInterrupted, isTyped: false });
    }
    return Object.assign(line, { id, text, isFinal, isInterrupted });
  }

  /** Add what the person typed; returns the line, whose id goes with the message. */
  addTyped(text) {
    const id = `typed-${this.#nextTyped}`;
    this.#nextTyped += 1;
    return this.#append({
      id, who: "caller", text, isFinal: true, isInterrupted: false, isTyped: true,
    });
  }

  /** Take a line out again: it could not be sent. */
  remove(line) {
    this.#lines = this.#lines.filter((each) => each !== line);
  }

  /** Interim text will not become final any more. */
  settle() {
    for (const line of this.#lines) line.isFinal = true;
  }

  clear() {
    this.#lines = [];
  }

  #adopt(who, text) {
    if (who !== "caller") return undefined;
    return this.#lines.find(
      (line) => line.isTyped && line.id.startsWith("typed-") && line.text === text.trim(),
    );
  }

  #append(line) {
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    return line;
  }
}
