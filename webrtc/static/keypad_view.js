/** The twelve keys, for menus that want digits; also by keyboard while they are shown. */

import { element } from "./dom.js";
import { KEYS, digitOf } from "./keys.js";

const SHOWN_DIGITS = 18;
const PRESSED_MS = 140;

export class KeypadView {
  #dialled = element("output.dialled", { "aria-label": "Keys pressed", "aria-live": "polite" });
  #buttons = new Map();
  #onDigit;

  /** @param {(digit: string) => boolean} onDigit returns whether it went out */
  constructor(onDigit) {
    this.#onDigit = onDigit;
    for (const { digit, letters, name } of KEYS) {
      this.#buttons.set(digit, element("button.key", {
        type: "button", "aria-label": name ?? digit, on: { click: () => this.press(digit) },
      }, [
        element("span.key-digit", { text: digit }), element("span.key-letters", { text: letters }),
      ]));
    }
    this.root = element("div.keypad", { role: "group", "aria-label": "Keypad", hidden: true }, [
      this.#dialled, element("div.keys", {}, [...this.#buttons.values()]),
    ]);
  }

  press(digit) {
    if (!this.#onDigit(digit)) return;
    this.#dialled.textContent = (this.#dialled.textContent + digit).slice(-SHOWN_DIGITS);
    const button = this.#buttons.get(digit);
    button.classList.add("is-pressed");
    setTimeout(() => button.classList.remove("is-pressed"), PRESSED_MS);
  }

  /** Take a key of the keyboard if it is one of ours; returns whether it was. */
  takeKey(event) {
    const digit = digitOf(event);
    if (digit === null) return false;
    this.press(digit);
    return true;
  }

  focus() {
    this.#buttons.get("1").focus();
  }

  clear() {
    this.#dialled.textContent = "";
  }
}
