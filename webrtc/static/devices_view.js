/** Which microphone and which speaker; a choice takes effect at once, in the middle of a call too. */

import { element } from "./dom.js";
import { listDevices } from "./microphone.js";

export class DevicesView {
  #microphones;
  #speakers;
  #speakerField;

  /** @param {{onMicrophone: (id: string) => void, onSpeaker: (id: string) => void}} handlers */
  constructor({ onMicrophone, onSpeaker }) {
    this.#microphones = element("select", { on: { change: ({ target }) => onMicrophone(target.value) } });
    this.#speakers = element("select", { on: { change: ({ target }) => onSpeaker(target.value) } });
    this.#speakerField = field("Speaker", this.#speakers);
    this.root = element("div.devices", { role: "group", "aria-label": "Sound devices", hidden: true }, [
      field("Microphone", this.#microphones), this.#speakerField,
    ]);
    // A page cannot choose a speaker in every browser: Safari leaves that to the system.
    this.#speakerField.hidden = !("setSinkId" in HTMLMediaElement.prototype);
    globalThis.navigator?.mediaDevices?.addEventListener?.("devicechange", () => void this.refresh());
  }

  async refresh() {
    const { microphones, speakers } = await listDevices();
    fill(this.#microphones, microphones);
    fill(this.#speakers, speakers);
  }

  focus() {
    this.#microphones.focus();
  }
}

function field(label, select) {
  return element("label.field", {}, [element("span.field-label", { text: label }), select]);
}

function fill(select, devices) {
  const before = select.value;
  const options = devices.map(({ id, label }) => element("option", { value: id, text: label }));
  select.replaceChildren(...(options.length > 0 ? options : [
    element("option", { value: "", text: "System default" }),
  ]));
  if (devices.some(({ id }) => id === before)) select.value = before;
}
