/** How good a call sounds: the estimate, what it is made of, and how it went. */

import { h, s } from "./dom.js";
import { grade } from "./format.js";
import { facts } from "./parts.js";

const [WIDTH, HEIGHT] = [240, 44];
const [WORST, BEST] = [1, 4.5];

export class QualityCard {
  #body = h("div.panel-pad");
  #figures = h("div");
  #course = h("div.quality-course");
  #codec = "";

  constructor() {
    this.#body.append(this.#figures, this.#course, h("p.source-note", {
      text: "Estimated from jitter, loss and delay by the E-model (ITU-T G.107, simplified).",
    }));
    this.root = h("section.panel", { "aria-labelledby": "quality-title" }, [
      h("div.panel-head", {}, [h("h2.panel-title", { id: "quality-title", text: "Line quality" })]), this.#body,
    ]);
    this.showNothing();
  }

  /** Show all that is kept of a call's media. */
  show({ quality, codec, reports }) {
    this.#codec = codec;
    if (quality) this.showNow(quality, codec);
    else this.showNothing();
    this.#course.replaceChildren(...(reports.length > 1 ? [course(reports)] : []));
  }

  showNow(quality, codec) {
    this.#codec = codec || this.#codec;
    this.#figures.replaceChildren(
      h("div.scores", {}, [score("We hear", quality.in.mos), score("They hear", quality.out.mos)]),
      facts([
        ["Jitter in / out", `${quality.in.jitter_ms} / ${quality.out.jitter_ms} ms`],
        ["Loss in / out", `${quality.in.loss_percent} / ${quality.out.loss_percent} %`],
        ["Round trip", `${quality.round_trip_ms} ms`],
        ["Codec", this.#codec],
        ["Dropped here", quality.frames_dropped ? `${quality.frames_dropped} frames` : null],
      ]),
    );
  }

  /** Show what was written down at the end of a call whose media is not kept any more. */
  showNoted(noted) {
    this.#figures.replaceChildren(facts([
      ["Jitter in / out", `${noted.jitter_in_ms} / ${noted.jitter_out_ms} ms`],
      ["Lost in / out", `${noted.packets_lost_in} / ${noted.packets_lost_out} packets`],
      ["Round trip", `${noted.round_trip_ms} ms`],
    ]));
  }

  showNothing() {
    this.#figures.replaceChildren(h("p.is-soft", { text: "No media report yet. They come every five seconds." }));
    this.#course.replaceChildren();
  }
}

function score(name, mos) {
  return h("div.score", { "data-grade": grade(mos) }, [
    h("span.score-name", { text: name }),
    h("span.score-value", { text: mos.toFixed(1) }),
    h("span.score-scale", { text: "MOS of 4.4" }),
  ]);
}

function course(reports) {
  const x = (index) => (index / (reports.length - 1)) * WIDTH;
  const y = (mos) => HEIGHT - 3 - ((mos - WORST) / (BEST - WORST)) * (HEIGHT - 6);
  const points = reports.map(({ mos }, index) => `${x(index).toFixed(1)},${y(mos).toFixed(1)}`).join(" ");
  return s("svg.course", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `Quality over the call: lowest ${Math.min(...reports.map(({ mos }) => mos)).toFixed(1)}`,
  }, [
    s("line.course-good", { x1: 0, x2: WIDTH, y1: y(4), y2: y(4) }),
    s("polyline.course-line", { points }),
  ]);
}
