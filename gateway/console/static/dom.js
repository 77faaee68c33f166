/** Makes elements without markup in strings: text stays text, and a strict policy is content. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return an element.
 *
 * @param {string} tag with classes: "p.status.is-soft"
 * @param {object} attributes `on` is an object of listeners, `text` is the text; false and null leave one out
 * @param {(Node|string|null)[]} children null is left out
 */
export function h(tag, attributes = {}, children = []) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length > 0) made.className = classes.join(" ");
  const { on = {}, text, ...rest } = attributes;
  if (text !== undefined) made.textContent = text;
  setAll(made, rest);
  for (const [kind, listener] of Object.entries(on)) made.addEventListener(kind, listener);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Return an element of a drawing. */
export function s(tag, attributes = {}, children = []) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElementNS(SVG, name);
  if (classes.length > 0) made.setAttribute("class", classes.join(" "));
  const { text, ...rest } = attributes;
  if (text !== undefined) made.textContent = text;
  setAll(made, rest);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Return a drawing of 24 by 24 from stroke paths, hidden from screen readers: words stand beside it. */
export function icon(paths) {
  return s("svg.icon", {
    viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.8",
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false",
  }, paths.map((d) => s("path", { d })));
}

/** Put children into a node only if they say something new, so that focus and selection stay where they are. */
export function put(node, key, make) {
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(...make().filter((child) => child !== null));
}

/** Set a node's text only if it is new: screen readers read what changes. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAll(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
}
