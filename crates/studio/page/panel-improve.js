// Trains better models, and compares models.

import * as api from "./api.js";
import "./comparison.js";
import { bytes, button, element, percent, replace } from "./dom.js";
import "./job-view.js";
import { nameOf } from "./models.js";
import { failed, hasLearned, refresh, state, Watching } from "./store.js";

const KINDS = [
  { id: "fine_tune", title: "Fine-tune", about: "The network itself goes on learning, from your pictures. Often the most accurate; takes minutes." },
  { id: "train", title: "Another base", about: "Another network looks at the pictures, and learns as the first one did. Takes seconds." },
];

class PanelImprove extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["models", "bases", "job", "project", "learned"];
  #kind = "fine_tune";
  #form = element("form", { class: "card" });
  #models = element("div", { class: "models" });
  /** @type {import("./job-view.js").JobView} */
  #job = element("job-view", { class: "card" });
  /** @type {import("./comparison.js").ModelComparison} */
  #comparison = element("model-comparison");
  #base = element("select", { id: "base" });
  #baseAbout = element("p", { class: "faint" });
  #epochs = element("input", { type: "number", min: "1", max: "200", value: "10", id: "epochs" });
  #epochsRow = element("p", { class: "field" }, element("label", { for: "epochs" }, "Rounds"), this.#epochs, element("small", { class: "faint" }, "how often it goes through all pictures (epochs)"));
  #begin = element("button", { class: "main" }, "Start");
  #note = element("p", { class: "faint" });
  #made = "";

  start() {
    const kinds = KINDS.map(({ id, title, about }) => {
      const radio = element("input", { type: "radio", name: "kind", value: id });
      radio.checked = id === this.#kind;
      radio.onchange = () => {
        this.#kind = id;
        this.#suggest();
        this.update();
      };
      return element("label", { class: "choice" }, radio, element("span", {}, element("b", {}, title), element("small", {}, about)));
    });
    this.#base.onchange = () => this.#tellBase();
    this.#form.onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#startJob();
    };
    this.#form.append(
      element("fieldset", {}, element("legend", {}, "How"), kinds),
      element("p", { class: "field" }, element("label", { for: "base" }, "Base"), this.#base, this.#baseAbout),
      this.#epochsRow,
      element("p", { class: "group" }, this.#begin),
      this.#note,
    );
    this.append(
      element("h2", {}, "Improve"),
      element("p", { class: "lead" }, "What learns while you work is quick. With some patience, a better model can be had; the pictures matter more, though."),
      element("div", { class: "columns" }, this.#form, this.#job),
      this.#models,
      this.#comparison,
    );
  }

  update() {
    const { bases, job, models, project } = state;
    if (bases && this.#base.options.length !== bases.length) {
      this.#base.replaceChildren(...bases.map(({ name }) => element("option", { value: name }, name)));
      this.#suggest();
    }
    this.#tellBase();
    this.#epochsRow.hidden = this.#kind !== "fine_tune";
    const isBusy = job !== null && (job.state === "running" || job.state === "stopping");
    this.#begin.disabled = isBusy || !hasLearned() || project?.readOnly != null;
    this.#note.textContent = isBusy ? "One at a time: this one first." : hasLearned() ? "" : "It needs two classes with some pictures each.";
    this.#job.hidden = job === null;
    if (job) this.#job.show(job);
    if (!models) return;
    this.#comparison.show(models);
    const is = JSON.stringify([models, project?.model]);
    if (is === this.#made) return;
    this.#made = is;
    replace(this.#models, models.length > 0 ? this.#table(models) : null);
  }

  /** Selects a base: for fine-tuning, the one of the live model; for training, a different one. */
  #suggest() {
    const own = state.models?.find(({ name }) => name === "live")?.base ?? "";
    const isOwn = (/** @type {string} */ name) => own.startsWith(name);
    const options = [...this.#base.options].map(({ value }) => value);
    this.#base.value = options.find((name) => isOwn(name) === (this.#kind === "fine_tune")) ?? options[0];
  }

  #tellBase() {
    const base = state.bases?.find(({ name }) => name === this.#base.value);
    this.#baseAbout.textContent = base ? `${base.about}${base.size > 1000 ? `, ${bytes(base.size)}` : ""}` : "";
  }

  /** @param {api.Model[]} models */
  #table(models) {
    const row = (/** @type {api.Model} */ { name, base, accuracy, bytes: size, current, report }) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, nameOf(name)),
        element("td", {}, accuracy === null ? "–" : percent(accuracy)),
        element("td", {}, base),
        element("td", {}, bytes(size)),
        element(
          "td",
          {},
          element(
            "span",
            { class: "group" },
            current ? element("b", { class: "chip" }, "answers now") : button("Let it answer", () => void this.#use(name), { class: "quiet", "data-key": `use ${name}`, "aria-label": `Let it answer: ${nameOf(name)}` }),
            report ? element("a", { href: api.modelReport(name), target: "_blank", rel: "noopener", "aria-label": `Report of ${nameOf(name)}` }, "Report") : null,
          ),
        ),
      );
    return [
      element("h3", {}, "Models"),
      element(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Models" },
        element(
          "table",
          { class: "figures" },
          element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Model"), element("th", { scope: "col", title: "accuracy on pictures it has not seen" }, "Accuracy"), element("th", { scope: "col" }, "Base"), element("th", { scope: "col" }, "Size"), element("td"))),
          element("tbody", {}, models.map(row)),
        ),
      ),
    ];
  }

  async #startJob() {
    this.#begin.disabled = true;
    const epochs = this.#kind === "fine_tune" ? Number(this.#epochs.value) : undefined;
    try {
      await api.startJob({ kind: this.#kind, base: this.#base.value, epochs });
    } catch (error) {
      failed(error);
    }
    refresh("project");
    this.update();
  }

  /** @param {string} name */
  async #use(name) {
    try {
      await api.useModel(name);
    } catch (error) {
      failed(error);
    }
    refresh("models", "project");
  }
}
customElements.define("panel-improve", PanelImprove);
