// The performance of the model on pictures that it was not trained on.

import "./confusion.js";
import { element, percent, plural, replace } from "./dom.js";
import { link, nextStep, stepOf } from "./next-step.js";
import { state, Watching } from "./store.js";

class PanelResults extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["learned", "project"];
  /** @type {import("./api.js").Learned | null | undefined} */
  #shown;

  update() {
    const { learned } = state;
    if (learned === this.#shown && learned) return;
    this.#shown = learned;
    if (!learned || learned.pictures === 0) {
      const step = nextStep();
      return replace(
        this,
        element("h2", {}, "How well it does"),
        element("p", {}, learned?.why ?? "It is about to learn …"),
        step ? element("p", {}, step.text, " ", element("a", { href: step.href }, step.action)) : null,
      );
    }
    /** @type {import("./confusion.js").ConfusionTable} */
    const table = element("confusion-table");
    const measured = learned.accuracy !== null;
    replace(
      this,
      element("h2", {}, "How well it does"),
      this.#accuracy(learned),
      this.#advice(learned),
      measured ? [element("h3", {}, "What it takes for what"), element("p", { class: "faint" }, "A row for what the pictures show, a column for what it said. Blue is right. A number on orange opens its pictures."), table] : null,
      measured ? this.#classes(learned) : null,
    );
    if (measured) table.show(learned);
  }

  /** @param {import("./api.js").Learned} learned */
  #accuracy({ accuracy, interval, why, pictures, seconds }) {
    if (accuracy === null) {
      return element("div", { class: "tile" }, element("p", { class: "value" }, "Not known yet"), element("p", {}, why ?? ""));
    }
    const share = accuracy === 1 ? "it was right each time" : `of a hundred new pictures it would get about ${Math.min(99, Math.round(100 * accuracy))} right`;
    const range = interval ? `With more pictures of the same kind this would most likely be between ${percent(interval[0])} and ${percent(interval[1])}.` : "";
    return element(
      "div",
      { class: "tile" },
      element("p", { class: "value" }, percent(accuracy)),
      element("p", {}, element("b", {}, "accuracy on pictures it has not seen"), `: ${share}. ${range}`),
      element(
        "details",
        {},
        element("summary", {}, "How is that known?"),
        element("p", {}, `Some of your ${plural(pictures, "picture")} are put aside, it learns from the others, and is asked about those put aside; then others are put aside, until each has been asked about once by a model that had never seen it. This took ${seconds.toFixed(1)} seconds, and is done again after each change.`),
      ),
    );
  }

  /** @param {import("./api.js").Learned} learned */
  #advice({ advice }) {
    if (advice.length === 0) return null;
    return element(
      "section",
      { class: "advice" },
      element("h3", {}, "What would help"),
      element("ul", {}, advice.map(stepOf).map(({ text, href, action }) => element("li", {}, text, " ", element("a", { href, "data-key": text, "aria-label": `${action}: ${text}` }, action)))),
    );
  }

  /** @param {import("./api.js").Learned} learned */
  #classes({ classes }) {
    return element(
      "section",
      {},
      element("h3", {}, "Class by class"),
      element(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Class by class" },
        element(
          "table",
          { class: "figures" },
          element("thead", {}, element("tr", {}, heading("Class"), heading("Pictures"), heading("Found", "Recall: of its pictures, how many it recognised"), heading("Trusted", "Precision: when it says so, how often it is right"), heading("F1", "Both in one figure (harmonic mean)"))),
          element(
            "tbody",
            {},
            classes.map((one) =>
              element("tr", {}, element("th", { scope: "row" }, element("a", { href: link(one.name) }, one.name)), element("td", {}, one.pictures.toLocaleString("en")), element("td", {}, percent(one.recall)), element("td", {}, percent(one.precision)), element("td", {}, percent(one.f1))),
            ),
          ),
        ),
      ),
      element("p", { class: "faint" }, element("b", {}, "Found"), " (recall): of its pictures, how many it recognised. ", element("b", {}, "Trusted"), " (precision): when it says so, how often it is right. ", element("b", {}, "F1"), ": both in one figure."),
    );
  }
}
customElements.define("panel-results", PanelResults);

/** @param {string} text @param {string} [title] */
const heading = (text, title) => element("th", { scope: "col", title }, text);
