/** Pieces that several views are made of. */

import { h, icon, say } from "./dom.js";
import { ICONS } from "./icons.js";

/** The head of a view. */
export function pageHead(title, text, children = []) {
  return h("div.page-head", {}, [
    h("div", {}, [h("h1.page-title", { text: title }), h("p.page-words", { text })]), ...children,
  ]);
}

/** A word with a colour; `show(text, tone)` changes it. Tones: good, warn, danger, second, soft. */
export function pill(text = "", tone = "soft") {
  const root = h("span.pill", { "data-tone": tone, text });
  return {
    root,
    show(newText, newTone) {
      say(root, newText);
      root.dataset.tone = newTone;
    },
  };
}

/** A figure with its name. */
export function tile(name) {
  const value = h("span.tile-value", { text: "–" });
  const more = h("span.tile-more");
  return {
    root: h("div.tile", {}, [h("span.tile-name", { text: name }), h("span.tile-line", {}, [value, more])]),
    show(text, words = "", grade = "") {
      say(value, text);
      say(more, words);
      value.dataset.grade = grade;
    },
  };
}

/** What stands where nothing is yet. */
export function empty(drawing, title, text) {
  return h("div.empty", {}, [
    h("span.empty-face", { "aria-hidden": "true" }, [icon(ICONS[drawing])]),
    h("p.empty-title", { text: title }), h("p", { text }),
  ]);
}

/** What stands where something could not be had. */
export function problem(error) {
  return h("div.empty.is-problem", { role: "alert" }, [
    h("p.empty-title", { text: "This could not be loaded" }), h("p", { text: error.message }),
  ]);
}

/** A list of names and values. */
export function facts(pairs) {
  return h("dl.facts", {}, pairs.filter(([, value]) => value !== null && value !== "" && value !== undefined)
    .map(([name, value]) => h("div.fact", {}, [
      h("dt", { text: name }), h("dd", {}, [value instanceof Node ? value : String(value)]),
    ])));
}

const GOOD_MS = 5_000;

/** A short word about what was done, read out and gone by itself. */
export function toast(text, tone = "good") {
  const place = document.querySelector(".toasts") ?? document.body.appendChild(h("div.toasts", { role: "status" }));
  const shown = h("p.toast", { "data-tone": tone, text });
  place.append(shown);
  setTimeout(() => shown.remove(), GOOD_MS);
}
