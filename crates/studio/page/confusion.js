// The confusion matrix, and the pictures behind each number.

import { thumbnail } from "./api.js";
import { button, element, fileName, plural, replace } from "./dom.js";
import { openLarge } from "./large.js";

// With more classes than this, a list of pairs is easier to read than the table.
const MOST_IN_TABLE = 40;
const MOST_PAIRS = 8;
const SHADES = 10;

export class ConfusionTable extends HTMLElement {
  #pictures = element("div", { class: "cell", "aria-live": "polite" });

  /** @param {import("./api.js").Learned} learned */
  show(learned) {
    const names = learned.classes.map(({ name }) => name);
    const pairs = learned.confused.slice(0, MOST_PAIRS);
    replace(
      this,
      names.length <= MOST_IN_TABLE ? this.#table(learned, names) : null,
      element(
        "div",
        { class: "pairs" },
        element("h3", {}, pairs.length > 0 ? "Mixed up most often" : "Nothing was mixed up"),
        element(
          "ol",
          {},
          pairs.map((pair) =>
            element("li", {}, button([element("b", {}, pair.count), " of ", element("i", {}, pair.true), " taken for ", element("i", {}, pair.predicted)], () => this.#show(pair), { class: "link", "data-key": `${pair.true}/${pair.predicted}` })),
          ),
        ),
      ),
      this.#pictures,
    );
    this.#pictures.replaceChildren();
  }

  /** @param {import("./api.js").Learned} learned @param {string[]} names */
  #table({ confusion, confused }, names) {
    const cell = (/** @type {number} */ row, /** @type {number} */ column) => {
      const count = confusion[row]?.[column] ?? 0;
      if (count === 0) return element("td");
      const all = confusion[row].reduce((sum, value) => sum + value, 0);
      const kind = row === column ? "right" : "wrong";
      const shade = Math.ceil((SHADES * count) / all);
      const words = `${count} of ${names[row]} taken for ${names[column]}`;
      const pair = confused.find((one) => one.true === names[row] && one.predicted === names[column]);
      const content = pair ? button(count, () => this.#show(pair), { "aria-label": words, "data-key": `cell ${row},${column}` }) : String(count);
      return element("td", { class: `${kind} s${shade}`, title: words }, content);
    };
    return element(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "What was taken for what" },
      element(
        "table",
        { class: "matrix" },
        element("thead", {}, element("tr", {}, element("td"), names.map((name) => element("th", { scope: "col", title: name }, element("span", {}, name))))),
        element("tbody", {}, names.map((name, row) => element("tr", {}, element("th", { scope: "row", title: name }, name), names.map((_, column) => cell(row, column))))),
      ),
    );
  }

  /** @param {import("./api.js").Confused} pair */
  #show(pair) {
    const items = pair.paths.map((path) => ({ path, tag: "", problem: null }));
    replace(
      this.#pictures,
      element("h3", {}, `${plural(pair.count, "picture")} of ${pair.true} taken for ${pair.predicted}${items.length < pair.count ? `; the first ${items.length}` : ""}`),
      element("div", { class: "strip" }, items.map((item, index) => button(element("img", { src: thumbnail({ path: item.path }), alt: "", loading: "lazy" }), () => void openLarge(items, index), { class: "thumb", "aria-label": fileName(item.path) }))),
    );
    this.#pictures.scrollIntoView({ block: "nearest" });
  }
}
customElements.define("confusion-table", ConfusionTable);
