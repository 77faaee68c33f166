/** Three bars and their words: how good the connection is. */

import { element } from "./dom.js";
import { Grade, gradeOf } from "./quality.js";
import { QUALITY } from "./words.js";

export class QualityView {
  #words = element("span.hidden-words", { text: QUALITY.unknown });

  constructor() {
    this.root = element("div.quality", { "data-grade": Grade.UNKNOWN, hidden: true }, [
      element("span.bars", { "aria-hidden": "true" }, [
        element("span.bar"), element("span.bar"), element("span.bar"),
      ]),
      this.#words,
    ]);
  }

  show(figures) {
    const grade = gradeOf(figures);
    const facts = [
      figures.rttMs === null ? "" : `${Math.round(figures.rttMs)} ms there and back`,
      figures.jitterMs === null ? "" : `${Math.round(figures.jitterMs)} ms jitter`,
      figures.lossPercent === null ? "" : `${figures.lossPercent.toFixed(1)} % lost`,
    ].filter(Boolean);
    this.root.dataset.grade = grade;
    this.root.title = [QUALITY[grade], ...facts].join(" · ");
    this.#words.textContent = QUALITY[grade];
  }

  reset(isShown) {
    this.root.hidden = !isShown;
    if (!isShown) this.show({ rttMs: null, jitterMs: null, lossPercent: null });
  }
}
