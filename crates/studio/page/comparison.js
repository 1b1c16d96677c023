// Compares two models on the same pictures.

import { compare, thumbnail } from "./api.js";
import { button, element, fileName, percent, plural, replace } from "./dom.js";
import { openLarge } from "./large.js";
import { nameOf } from "./models.js";

const MOST_PICTURES = 24;

export class ModelComparison extends HTMLElement {
  /** @type {[string, string]} */
  #chosen = ["", ""];
  #answer = element("div", { class: "comparison", "aria-live": "polite" });
  #form = element("form", { class: "group" });
  #names = "";

  connectedCallback() {
    if (this.firstChild) return;
    this.#form.onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#compare();
    };
    this.append(element("h3", {}, "Compare two models"), this.#form, this.#answer);
  }

  /** @param {import("./api.js").Model[]} models */
  show(models) {
    this.hidden = models.length < 2;
    const names = models.map(({ name }) => name);
    if (this.hidden || names.join("/") === this.#names) return;
    this.#names = names.join("/");
    if (!names.includes(this.#chosen[0])) this.#chosen[0] = names[0];
    if (!names.includes(this.#chosen[1]) || this.#chosen[0] === this.#chosen[1]) this.#chosen[1] = names[names.length - 1];
    const select = (/** @type {0 | 1} */ side, /** @type {string} */ label) => {
      const made = element("select", { "aria-label": label, "data-key": label }, names.map((name) => element("option", { value: name }, nameOf(name))));
      made.value = this.#chosen[side];
      made.onchange = () => (this.#chosen[side] = made.value);
      return made;
    };
    replace(this.#form, select(0, "One model"), " with ", select(1, "Another model"), element("button", { "data-key": "compare" }, "Compare"));
  }

  async #compare() {
    const [a, b] = this.#chosen;
    if (a === b) return replace(this.#answer, element("p", {}, "Choose two that are not the same."));
    replace(this.#answer, element("p", { class: "faint" }, "Both are asked about the same pictures …"));
    try {
      replace(this.#answer, view(await compare(a, b)));
    } catch (error) {
      replace(this.#answer, element("p", { class: "problem" }, error instanceof Error ? error.message : String(error)));
    }
  }
}
customElements.define("model-comparison", ModelComparison);

/** @param {import("./api.js").Comparison} comparison */
function view({ pictures, a, b, onlyA, onlyB, pValue, verdict }) {
  const side = (/** @type {import("./api.js").Side} */ { name, accuracy, correct, milliseconds }) =>
    element("div", { class: "tile" }, element("p", {}, nameOf(name)), element("p", { class: "value" }, percent(accuracy)), element("p", { class: "faint" }, `${correct} of ${pictures} right; ${milliseconds.toFixed(1)} ms a picture`));
  const classes = a.perClass.map((one) => {
    const other = b.perClass.find(({ name }) => name === one.name);
    return element("tr", {}, element("th", { scope: "row" }, one.name), element("td", {}, one.pictures), element("td", {}, percent(one.accuracy)), element("td", {}, other ? percent(other.accuracy) : "–"));
  });
  return [
    element("p", { class: "verdict" }, verdict),
    element("div", { class: "tiles-row" }, side(a), side(b)),
    element("p", { class: "faint" }, `Measured on ${plural(pictures, "picture")} that neither has learned from. If both were equally good, a difference like this would come about by chance in ${pValue < 0.01 ? "less than 1" : Math.round(100 * pValue)} of 100 cases (McNemar's test).`),
    only(onlyA, `Only ${nameOf(a.name)} gets right`),
    only(onlyB, `Only ${nameOf(b.name)} gets right`),
    element(
      "details",
      {},
      element("summary", {}, "Class by class"),
      element("table", { class: "figures" }, element("thead", {}, element("tr", {}, ["Class", "Pictures", nameOf(a.name), nameOf(b.name)].map((text) => element("th", { scope: "col" }, text)))), element("tbody", {}, classes)),
    ),
  ];
}

/** @param {string[]} paths @param {string} title */
function only(paths, title) {
  if (paths.length === 0) return null;
  const items = paths.map((path) => ({ path, tag: "", problem: null }));
  return [
    element("h4", {}, `${title}: ${paths.length}`),
    element("div", { class: "strip" }, items.slice(0, MOST_PICTURES).map((item, index) => button(element("img", { src: thumbnail({ path: item.path }), alt: "", loading: "lazy" }), () => void openLarge(items, index), { class: "thumb", "aria-label": fileName(item.path) }))),
  ];
}
