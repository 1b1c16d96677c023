// Creates elements, and formats numbers.

/**
 * Creates an element with attributes and children. `on…` attributes are listeners; null and false are left out.
 * @param {string} name
 * @param {Record<string, any>} [attributes]
 * @param {...any} children
 * @returns {any}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  set(made, attributes);
  made.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** @param {Element} made @param {Record<string, any>} attributes */
function set(made, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") /** @type {any} */ (made)[key] = value;
    else made.setAttribute(key, value === true ? "" : String(value));
  }
}

/** Creates an SVG element. @param {string} name @param {Record<string, any>} [attributes] @param {...any} children */
export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(made, attributes);
  made.append(...children);
  return made;
}

/** A button that does not submit a form. @param {any} content @param {() => void} onclick @param {Record<string, any>} [attributes] */
export function button(content, onclick, attributes = {}) {
  return element("button", { type: "button", ...attributes, onclick }, content);
}

/**
 * Replaces the children of an element. The focus moves to the new element with the same `data-key`.
 * @param {Element} place @param {...any} children
 */
export function replace(place, ...children) {
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.getAttribute("data-key");
  place.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  if (!focused) return;
  const next = key ? place.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
  if (next instanceof HTMLElement && !next.hasAttribute("disabled")) next.focus({ preventScroll: true });
  else focusOn(place);
}

/** Moves the focus to the heading in an element, so that it is not lost. @param {Element} place */
export function focusOn(place) {
  const heading = place.closest("main")?.querySelector("h2");
  if (!(heading instanceof HTMLElement)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** A key with its name. @param {string} name */
export const key = (name) => element("kbd", {}, name);

/** @param {number} count @param {string} thing @param {string} [things] */
export function plural(count, thing, things = `${thing}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? thing : things}`;
}

/** A share as a whole percentage; a share below 1 never becomes 100 %. @param {number} share */
export function percent(share) {
  return `${share < 1 ? Math.min(99, Math.round(share * 100)) : 100}\u00a0%`;
}

/** @param {number} count */
export function bytes(count) {
  if (count < 1e6) return `${Math.max(1, Math.round(count / 1e3))} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `${Math.round(seconds / 5) * 5} seconds`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} minutes` : `${(seconds / 3600).toFixed(1)} hours`;
}

/** The file name of a path. @param {string} path */
export const fileName = (path) => path.slice(path.lastIndexOf("/") + 1);

/** The class of a path: its folder. @param {string} path @returns {string | null} */
export const classOf = (path) => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : null);

/** Whether a key is input for a field, and not a shortcut. @param {KeyboardEvent} event */
export function isTyping(event) {
  const target = event.composedPath()[0];
  return target instanceof Element && target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
}

/** Whether a dialog is open, which handles keys itself. */
export const hasDialog = () => document.querySelector("dialog[open]") !== null;
