/** The row of buttons: call or hang up, mute, keypad, devices. */

import { drawing, element } from "./dom.js";
import { ICONS } from "./icons.js";

export class ControlsView {
  #buttons;

  /** @param {{onCall, onHangUp, onMute, onKeypad, onDevices}} handlers of no argument */
  constructor({ onCall, onHangUp, onMute, onKeypad, onDevices }) {
    this.#buttons = {
      mute: round("mute", "Mute", [drawing(ICONS.microphone), drawing(ICONS.muted)], onMute, {
        "aria-pressed": "false", "aria-label": "Mute microphone",
      }),
      keypad: round("keypad", "Keypad", [drawing(ICONS.keypad)], onKeypad, { "aria-expanded": "false" }),
      devices: round("devices", "Devices", [drawing(ICONS.devices)], onDevices, {
        "aria-expanded": "false",
      }),
      hangUp: round("hangup", "Hang up", [drawing(ICONS.hangup)], onHangUp),
      call: element("button.call-button", { type: "button", on: { click: onCall } }, [
        drawing(ICONS.call), element("span.call-label", { text: "Call" }),
      ]),
    };
    this.root = element("div.controls", { role: "group", "aria-label": "Call controls" }, [
      this.#buttons.mute, this.#buttons.keypad, this.#buttons.devices, this.#buttons.hangUp,
      this.#buttons.call,
    ]);
  }

  showLive(isLive, callLabel) {
    for (const name of ["mute", "keypad", "devices", "hangUp"]) this.#buttons[name].hidden = !isLive;
    this.#buttons.call.hidden = isLive;
    this.#buttons.call.querySelector(".call-label").textContent = callLabel;
  }

  setEnabled(name, isEnabled) {
    this.#buttons[name].disabled = !isEnabled;
  }

  showMuted(isMuted) {
    this.#buttons.mute.setAttribute("aria-pressed", String(isMuted));
    this.#buttons.mute.querySelector(".round-label").textContent = isMuted ? "Muted" : "Mute";
  }

  showOpen(name, isOpen) {
    this.#buttons[name].setAttribute("aria-expanded", String(isOpen));
  }

  focus(name) {
    this.#buttons[name].focus();
  }

  /** Whether one of our buttons, or nothing in particular, has the focus. */
  hasFocusIn(root) {
    return root.activeElement === null || root.activeElement === document.body
      || this.root.contains(root.activeElement);
  }
}

function round(name, label, drawings, onClick, attributes = {}) {
  return element(`button.round.round-${name}`, { type: "button", ...attributes, on: { click: onClick } }, [
    element("span.round-face", {}, drawings), element("span.round-label", { text: label }),
  ]);
}
