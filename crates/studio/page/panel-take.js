// Downloads and code for using a model elsewhere.

import * as api from "./api.js";
import { bytes, button, element, percent, plural, replace } from "./dom.js";
import { nameOf } from "./models.js";
import { failed, say, state, Watching } from "./store.js";

class PanelTake extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["models", "exports", "project"];
  #name = "";
  #made = "";

  update() {
    const { models, exports } = state;
    if (!models || !exports) return;
    const model = models.find(({ name }) => name === this.#name) ?? models.find(({ current }) => current) ?? models[0];
    const is = JSON.stringify([models, exports, model?.name]);
    if (is === this.#made) return;
    this.#made = is;
    if (!model) return replace(this, element("h2", {}, "Take away"), element("p", {}, "There is no model yet: it needs two classes with some pictures each. ", element("a", { href: "#/pictures" }, "To the pictures")));
    replace(
      this,
      element("h2", {}, "Take away"),
      models.length > 1 ? this.#choice(models, model) : null,
      this.#file(model),
      this.#code(model),
      this.#exports(model, exports),
    );
  }

  /** @param {api.Model[]} models @param {api.Model} model */
  #choice(models, model) {
    const select = element("select", { "data-key": "model" }, models.map(({ name }) => element("option", { value: name }, nameOf(name))));
    select.value = model.name;
    select.onchange = () => {
      this.#name = select.value;
      this.update();
    };
    return element("p", {}, element("label", {}, "Model ", select));
  }

  /** @param {api.Model} model */
  #file(model) {
    const accuracy = model.accuracy === null ? "" : `, ${percent(model.accuracy)} right on pictures it has not seen`;
    return element(
      "section",
      { class: "card" },
      element("h3", {}, "The model file"),
      element("p", {}, `Everything in one file: ${plural(model.classes, "class", "classes")}, learned from ${plural(model.pictures, "picture")}${accuracy}.`),
      download("Download", api.modelFile(model.name), bytes(model.bytes), "main", "the model file"),
    );
  }

  /** @param {api.Model} model */
  #code({ code }) {
    const rows = [
      { title: "Command line", text: code.command },
      { title: "HTTP", text: code.http },
      { title: "Rust", text: code.rust },
    ];
    return element(
      "section",
      {},
      element("h3", {}, "How it is used"),
      rows.map(({ title, text }) =>
        element(
          "div",
          { class: "code" },
          element("h4", {}, title),
          element("pre", { tabindex: "0", role: "region", "aria-label": `Code for ${title}` }, element("code", {}, text)),
          button("Copy", () => void copy(text), { class: "quiet", "aria-label": `Copy code for ${title}`, "data-key": `copy ${title}` }),
        ),
      ),
    );
  }

  /** @param {api.Model} model @param {api.Export[]} exports */
  #exports(model, exports) {
    return element(
      "section",
      {},
      element("h3", {}, "For other programs"),
      element("div", { class: "exports" }, exports.map(({ format, title, about, extension }) => element("article", { class: "card" }, element("h4", {}, title), element("p", { class: "faint" }, about), download("Download", api.modelExport(model.name, format), `.${extension.replace(/^\./, "")}`, "", title)))),
    );
  }
}
customElements.define("panel-take", PanelTake);

/**
 * A link that downloads a file. If that fails, it shows the error, instead of saving it as the file.
 * @param {string} text @param {string} href @param {string} about @param {string} kind @param {string} what
 */
function download(text, href, about, kind, what) {
  const label = `${text} ${about}: ${what}`;
  const link = element("a", { class: `button ${kind}`, href, "data-key": href, "aria-label": label }, text, " ", element("small", {}, about));
  link.onclick = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (link.ariaBusy === "true") return;
    link.ariaBusy = "true";
    say(`Making ${what} …`);
    try {
      const { blob, name } = await api.file(href);
      const url = URL.createObjectURL(blob);
      element("a", { href: url, download: name }).click();
      // By then, the browser has begun to save the file.
      setTimeout(() => URL.revokeObjectURL(url), 60000);
      say(`${name} is in your downloads`);
    } catch (error) {
      failed(error);
    }
    link.ariaBusy = "false";
  };
  return link;
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    failed(new Error("The browser did not let it be copied: select the text and press Ctrl+C"));
  }
}
