/**
 * The widget: one tag on anybody's page puts a call button into its corner.
 *
 *   <script type="module" src="https://calls.example.org/webrtc/static/widget.js"
 *           data-agent="receptionist" data-token-url="/call-token"></script>
 *
 * data-agent      the agent to call; the default one if left out
 * data-token-url  answers POST {"agent": …} with {"token": …}, once for each call; left out where the
 *                 gateway takes anonymous calls
 * data-label      words on the button ("Call us")
 * data-title      name of the agent as the person reads it
 * data-side       "left" or "right" (default) corner
 *
 * Everything is in a shadow root: the page's styles stay out, ours stay in.
 */

import { drawing, element } from "./dom.js";
import { ICONS } from "./icons.js";
import { CallPanel } from "./panel.js";
import { isLive, isUp } from "./call_state.js";
import { titleOf } from "./settings.js";
import { tokenFrom } from "./token_source.js";
import { duration } from "./words.js";

const STYLES = ["theme.css", "controls.css", "conversation.css", "panel.css", "widget.css"];
const CLOCK_MS = 1000;

class Widget {
  #panel;
  #label;
  #launcherWords;
  #launcher;
  #window;

  /** @param {DOMStringMap} data attributes of the tag */
  constructor(data) {
    const agent = data.agent ?? "";
    const title = data.title || (agent ? titleOf(agent) : "Agent");
    this.#label = data.label || "Call us";
    this.#panel = new CallPanel({
      base: new URL("../../", import.meta.url), getToken: tokenFrom(data.tokenUrl ?? "", agent), agent, title,
    });
    this.#launcherWords = element("span", { text: this.#label });
    this.#launcher = element("button.launcher", {
      type: "button", "aria-expanded": "false", "aria-haspopup": "dialog",
      on: { click: () => this.#toggle(this.#window.hidden) },
    }, [drawing(ICONS.call), this.#launcherWords]);
    this.#window = element("div.window", {
      role: "dialog", "aria-label": `Call ${title}`, hidden: true,
      on: { keydown: (event) => event.key === "Escape" && this.#toggle(false) },
    }, [
      element("button.window-close", {
        type: "button", "aria-label": "Minimise", on: { click: () => this.#toggle(false) },
      }, [drawing(ICONS.minimise)]),
      this.#panel.root,
    ]);
    this.#panel.addEventListener("state", () => this.#showLauncher());
    setInterval(() => this.#showLauncher(), CLOCK_MS);
    this.root = this.#host(data.side === "left" ? "left" : "right");
  }

  #host(side) {
    const host = element("offhook-call", { "data-side": side });
    const links = STYLES.map((name) => element("link", {
      rel: "stylesheet", href: new URL(`./${name}`, import.meta.url).href,
    }));
    const frame = element(`div.frame.on-${side}`, { hidden: true }, [this.#window, this.#launcher]);
    host.attachShadow({ mode: "open" }).append(...links, frame);
    // Unstyled it would flash over the page; it is shown when the last style is there.
    const loaded = links.map((link) => new Promise((resolve) => {
      link.addEventListener("load", resolve);
      link.addEventListener("error", resolve);
    }));
    void Promise.all(loaded).then(() => { frame.hidden = false; });
    return host;
  }

  #toggle(isOpen) {
    this.#window.hidden = !isOpen;
    this.#launcher.setAttribute("aria-expanded", String(isOpen));
    this.#showLauncher();
    if (isOpen) this.#panel.focus();
    else this.#launcher.focus();
  }

  #showLauncher() {
    const { state } = this.#panel;
    const isOnCall = isLive(state);
    this.#launcher.classList.toggle("is-live", isOnCall);
    const words = isUp(state) ? `On a call ${duration(this.#panel.durationMs)}` : this.#label;
    if (this.#launcherWords.textContent !== words) this.#launcherWords.textContent = words;
  }
}

const tag = [...document.querySelectorAll("script[src]")].find(({ src }) => src === import.meta.url);
document.body.append(new Widget(tag?.dataset ?? {}).root);
