/** The conversation in writing. Follows the newest line unless the person has scrolled up to read. */

import { element } from "./dom.js";
import { Delivery } from "./transcript.js";

const NEAR_END_PX = 48;
const NOTES = {
  [Delivery.SPOKEN]: "", [Delivery.SENDING]: "sending", [Delivery.DELIVERED]: "typed",
  [Delivery.LOST]: "not delivered",
};

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

  /** Show the lines as they now stand, oldest first. */
  show(lines) {
    for (const [line, item] of this.#shown) {
      if (!lines.includes(line)) {
        item.remove();
        this.#shown.delete(line);
      }
    }
    for (const line of lines) this.#write(this.#shown.get(line) ?? this.#append(line), line);
    this.#empty.hidden = lines.length > 0;
    this.#follow();
  }

  clear() {
    this.#isFollowing = true;
    this.show([]);
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
    return item;
  }

  #write(item, line) {
    item.classList.toggle("is-interim", !line.isFinal);
    item.classList.toggle("is-interrupted", line.isInterrupted);
    write(item.querySelector(".words"), line.text);
    write(item.querySelector(".line-note"), line.isInterrupted ? "interrupted" : NOTES[line.delivery]);
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
