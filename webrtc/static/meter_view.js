/** One level meter: a labelled bar that rises at once and falls gently. */

import { element } from "./dom.js";
import { fallTowards } from "./levels.js";

/** A screen reader that asks for the value gets it in these steps, not in every flicker. */
const STEP_PERCENT = 10;

export class MeterView {
  #bar = element("span.meter-fill");
  #label = element("span.meter-label", { "aria-hidden": "true" });
  #track;
  #read = () => 0;
  #shown = 0;

  constructor(name) {
    this.#track = element("span.meter-track", {
      role: "meter", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0",
    }, [this.#bar]);
    this.root = element("div.meter", {}, [this.#label, this.#track]);
    this.setName(name);
  }

  setName(name) {
    this.#label.textContent = name;
    this.#track.setAttribute("aria-label", `${name}: level`);
  }

  setSource(read) {
    this.#read = read ?? (() => 0);
  }

  /** Move on by `elapsedS`; returns what is shown, 0 … 1. */
  update(elapsedS) {
    this.#shown = fallTowards(this.#shown, this.#read(), elapsedS);
    this.#bar.style.setProperty("--level", this.#shown.toFixed(3));
    const value = String(Math.round((this.#shown * 100) / STEP_PERCENT) * STEP_PERCENT);
    if (this.#track.getAttribute("aria-valuenow") !== value) {
      this.#track.setAttribute("aria-valuenow", value);
    }
    return this.#shown;
  }
}
