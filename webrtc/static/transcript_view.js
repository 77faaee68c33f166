/** The conversation in writing. Follows the newest line unless the person has scrolled up to read. */

import { element } from "./dom.js";

const NEAR_END_PX = 48;

export class TranscriptView {
  // Not live for screen readers: the agent's lines are heard already, and a second voice reading them
  // over the first would make a call impossible. The log can be read at any time.
  #list = element("ol.lines", { role: "log", "aria-label": "Conversation", "aria-live": "off", tabindex: "0" });
  #empty = element("div.empty", {}, [
    element("p.empty-title", { text: "What you both say appears here" }),
    element("p", { text: "Speak as soon as you have clicked: you are heard from the first word." }),
  ]);
  #shown = new Map();
  #agentName = "Agent";
  #isFollowing = true;

  constructor() {
    this.root = element("div.transcript", {}, [this.#empty, this.#list]);
    // The keypad takes room and gives it back; whoever was at the newest line stays there.
    new ResizeObserver(() => this.#follow()).observe(this.#list);
    this.#list.addEventListener("scroll", () => this.#noteScroll(), { passive: true });
  }

  setAgentName(name) {
    this.#agentName = name;
  }

  show(line) {
    const item = this.#shown.get(line) ?? this.#append(line);
    item.classList.toggle("is-interim", !line.isFinal);
    item.classList.toggle("is-interrupted", line.isInterrupted);
    item.querySelector(".words").textContent = line.text || "…";
    const note = line.isInterrupted ? "interrupted" : line.isTyped ? "typed" : "";
    item.querySelector(".line-note").textContent = note;
    this.#follow();
  }

  clear() {
    this.#shown.clear();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    this.#isFollowing = true;
  }

  #follow() {
    if (this.#isFollowing) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #noteScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #append(line) {
    const who = line.who === "agent" ? this.#agentName : "You";
    const item = element(`li.line.by-${line.who}`, {}, [
      element("span.line-head", {}, [
        element("span.line-who", { text: who }), element("span.line-note"),
      ]),
      element("span.words", { dir: "auto" }),
    ]);
    this.#shown.set(line, item);
    this.#list.append(item);
    this.#empty.hidden = true;
    return item;
  }
}
