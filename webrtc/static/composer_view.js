/** The box to type in: the words go into the same conversation as the spoken ones. */

import { MAX_TEXT_CHARACTERS } from "./channel_messages.js";
import { element, drawing } from "./dom.js";
import { ICONS } from "./icons.js";

export class ComposerView {
  #input = element("input.composer-input", {
    type: "text", placeholder: "Type a message", "aria-label": "Message", autocomplete: "off",
    maxlength: String(MAX_TEXT_CHARACTERS), enterkeyhint: "send", disabled: true,
  });
  #button = element("button.composer-send", { type: "submit", "aria-label": "Send", disabled: true }, [
    drawing(ICONS.send),
  ]);

  /** @param {(words: string) => boolean} onSend returns whether it went out */
  constructor(onSend) {
    this.root = element("form.composer", {
      on: {
        submit: (event) => {
          event.preventDefault();
          const words = this.#input.value.trim();
          if (words !== "" && onSend(words)) this.#input.value = "";
        },
      },
    }, [this.#input, this.#button]);
  }

  setEnabled(isEnabled) {
    this.#input.disabled = !isEnabled;
    this.#button.disabled = !isEnabled;
    this.#input.placeholder = isEnabled ? "Type a message" : "You can type during a call";
  }
}
