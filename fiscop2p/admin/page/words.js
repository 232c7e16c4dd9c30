// Numbers and times for people, and elements.

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

export function bytes(number) {
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["KB", 1e3]]) {
    if (number >= size) return `${(number / size).toFixed(number >= 100 * size ? 0 : 1)} ${unit}`;
  }
  return `${Math.round(number)} B`;
}

export const rate = (number) => `${bytes(number)}/s`;

export function duration(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} days`;
}

export function moment(time) {
  const when = new Date(time * 1000);
  return (Date.now() - when < 86400000 ? CLOCK : DAY).format(when);
}

export const abridged = (nodeID) => `${nodeID.slice(0, 8)}…`;

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; text is text, never markup. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Set text, if it is another: what stays the same costs nothing, and is not read aloud again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
