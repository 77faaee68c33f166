/** Numbers of people, masked until somebody asks to see one; against looks over the shoulder. */

import { h } from "./dom.js";

const shown = new Set();
let isMasking = true;

export function setMasking(on) { isMasking = on; }

/** Return what is shown of a number or address before it is asked for: its kind and its last two digits, or its host. */
export function mask(text) {
  const [, scheme = "", rest = ""] = /^([a-z]+:)?(.*)$/s.exec(text) ?? [];
  const digits = rest.replace(/\D/g, "");
  const [, first, host] = /^(.)[^@]*@(.+)$/s.exec(rest) ?? [];
  if (host) return `${first}•••@${host}`;
  if (digits.length >= 5) return `${scheme}${rest.startsWith("+") ? "+" : ""}••• ••${digits.slice(-2)}`;
  return `${scheme}•••`;
}

/** Return what is shown of a number now, where a press does something else. */
export function shownNumber(text) {
  return !isMasking || shown.has(text) ? text : mask(text);
}

/** Return an element for a number: a button that shows it, or the number itself where nothing is masked. */
export function number(text) {
  if (!text) return h("span.is-soft", { text: "unknown" });
  if (!isMasking || shown.has(text)) return h("span.number", { text });
  return h("button.number.is-masked", {
    type: "button",
    text: mask(text),
    title: "Show the number",
    "aria-label": `Show the number ${mask(text).replaceAll("•", "")}`,
    "data-private": "",
    on: {
      click: (event) => {
        event.preventDefault();
        event.stopPropagation();
        shown.add(text);
        event.currentTarget.replaceWith(h("span.number", { text, tabindex: "-1" }));
      },
    },
  });
}
