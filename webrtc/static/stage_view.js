/** Who is on the line and how the call is doing: the orb that moves with the voices, name, status, time. */

import { State, isUp } from "./call_state.js";
import { element } from "./dom.js";
import { SESSION_STATUS, STATUS, duration } from "./words.js";

export class StageView {
  #orb = element("div.orb", { "aria-hidden": "true" }, [
    element("span.ring.ring-far"), element("span.ring.ring-near"), element("span.core"),
  ]);
  #initial = element("span.initial");
  #name = element("h2.name");
  #status = element("p.status", { role: "status", "aria-live": "polite" });
  #timer = element("span.timer", { "aria-label": "Duration", role: "timer", hidden: true });
  #session = "";

  constructor() {
    this.#orb.querySelector(".core").append(this.#initial);
    this.root = element("div.who", {}, [
      this.#orb,
      element("div.who-words", {}, [
        this.#name,
        element("div.status-line", {}, [this.#status, this.#timer]),
      ]),
    ]);
  }

  setName(name) {
    this.#name.textContent = name;
    this.#initial.textContent = name.charAt(0).toUpperCase();
  }

  /** @param {string} session what the agent's side does: "greeting", "conversing", … */
  setSession(session) {
    this.#session = session;
  }

  showState(state, note = "") {
    const words = state === State.IN_CALL ? SESSION_STATUS[this.#session] ?? STATUS[state] : STATUS[state];
    // Written only when it changes: each write to a live region is read aloud.
    const shown = note || words;
    if (this.#status.textContent !== shown) this.#status.textContent = shown;
    this.#timer.hidden = !isUp(state);
  }

  showTime(ms) {
    const shown = duration(ms);
    if (this.#timer.textContent !== shown) this.#timer.textContent = shown;
  }

  showLevels(agent, caller) {
    this.#orb.style.setProperty("--agent", agent.toFixed(3));
    this.#orb.style.setProperty("--caller", caller.toFixed(3));
  }
}
