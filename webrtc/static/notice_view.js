/** One notice with at most one thing to do about it: no microphone, no sound, why a call failed. */

import { drawing, element } from "./dom.js";
import { ICONS } from "./icons.js";

export class NoticeView {
  #title = element("p.notice-title");
  #text = element("p.notice-text");
  #action = element("button.notice-action", { type: "button" });
  #act = () => {};
  #body;

  constructor() {
    this.#action.addEventListener("click", () => this.#act());
    // A polite region that is always there: one that appears with its words is often not read.
    this.root = element("div.notice-region", { role: "status", "aria-live": "polite" });
    this.#body = element("div.notice", {}, [
      drawing(ICONS.notice), element("div.notice-words", {}, [this.#title, this.#text, this.#action]),
    ]);
  }

  /**
   * @param {{title: string, text: string}} words
   * @param {{kind?: "info"|"fault", action?: string, onAction?: () => void}} options
   */
  show({ title, text }, { kind = "info", action = "", onAction = () => {} } = {}) {
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#text.hidden = text === "";
    this.#action.textContent = action;
    this.#action.hidden = action === "";
    this.#act = onAction;
    this.#body.dataset.kind = kind;
    this.root.replaceChildren(this.#body);
  }

  hide() {
    this.root.replaceChildren();
  }
}
