/** Makes elements without markup in strings: text stays text, and a strict policy is content. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return an element.
 *
 * @param {string} tag with classes: "p.status.is-soft"
 * @param {object} attributes `on` is an object of listeners, `text` is the text; false leaves one out
 * @param {Node[]} children
 */
export function element(tag, attributes = {}, children = []) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length > 0) made.className = classes.join(" ");
  const { on = {}, text, ...rest } = attributes;
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(rest)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  for (const [kind, listener] of Object.entries(on)) made.addEventListener(kind, listener);
  made.append(...children);
  return made;
}

/** Return a drawing of 24 by 24 from stroke paths, hidden from screen readers: its button has words. */
export function drawing(paths) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.8",
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false",
  })) {
    svg.setAttribute(name, value);
  }
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
