// Possible problems with the pictures, each with its fixes.

import { thumbnail } from "./api.js";
import { button, element, fileName, plural, replace } from "./dom.js";
import { openLarge } from "./large.js";
import { act, state, Watching } from "./store.js";

const MOST_PICTURES = 8;
const MOST_CARDS = 60;

class PanelClean extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["findings", "project"];
  #shown = "";

  update() {
    const { findings, project } = state;
    if (!findings || !project) return;
    const is = JSON.stringify([findings, project.unreadable, project.readOnly]);
    if (is === this.#shown) return;
    this.#shown = is;
    const found = new Set(findings.flatMap(({ pictures }) => pictures.map(({ path }) => path)));
    const others = project.unreadable.filter(({ path }) => !found.has(path));
    replace(
      this,
      element("h2", {}, "Clean up ", element("small", {}, findings.length > 0 ? plural(findings.length, "finding") : "")),
      element("p", { class: "lead" }, findings.length > 0 ? "Each of these may be a mistake, or may be fine: you decide. Every fix can be undone." : "Nothing to clean up. Pictures that seem to be in the wrong class, twins and damaged files come here."),
      element("div", { class: "findings" }, findings.slice(0, MOST_CARDS).map((finding) => card(finding, project.readOnly !== null))),
      findings.length > MOST_CARDS ? element("p", { class: "faint" }, `and ${findings.length - MOST_CARDS} more, when these are done`) : null,
      others.length > 0 ? unreadable(others) : null,
    );
  }
}
customElements.define("panel-clean", PanelClean);

/** @param {import("./api.js").Finding} finding @param {boolean} isReadOnly */
function card({ id, text, why, pictures, fixes }, isReadOnly) {
  const items = pictures.map(({ path, tag }) => ({ path, tag, problem: null }));
  const figures = pictures.slice(0, MOST_PICTURES).map((picture, index) =>
    element(
      "figure",
      {},
      button(small(picture), () => void openLarge(items, index), { class: "thumb", "aria-label": `Look at ${fileName(picture.path)}`, title: picture.path }),
      element("figcaption", {}, element("b", {}, picture.class ?? "no class"), picture.note ? element("span", {}, picture.note) : null),
    ),
  );
  const more = pictures.length > MOST_PICTURES ? element("p", { class: "faint" }, `and ${pictures.length - MOST_PICTURES} more`) : null;
  return element(
    "article",
    { class: "card", "aria-label": text },
    element("h3", {}, text),
    element("div", { class: "figures-row" }, figures),
    more,
    element("p", { class: "faint" }, why),
    element(
      "div",
      { class: "group" },
      fixes.map((fix, index) => button(fix.label, () => void act({ do: "fix", finding: id, fix: fix.id }), { class: index === 0 ? "main" : "", disabled: isReadOnly, "data-key": `${id} ${fix.id}` })),
      button("It is fine", () => void act({ do: "keep", finding: id }), { class: "quiet", disabled: isReadOnly, "data-key": `${id} keep` }),
    ),
  );
}

/** @param {{path: string, tag: string}} picture */
function small(picture) {
  const image = element("img", { src: thumbnail(picture), alt: "", loading: "lazy", decoding: "async" });
  image.onerror = () => {
    image.parentElement?.setAttribute("aria-label", `cannot be read: ${fileName(picture.path)}`);
    image.replaceWith("cannot be read");
  };
  return image;
}

/** @param {{path: string, reason: string}[]} files */
function unreadable(files) {
  return element(
    "section",
    {},
    element("h3", {}, `${plural(files.length, "file")} cannot be read`),
    element("p", { class: "faint" }, "They stay where they are, and are left out."),
    element("ul", {}, files.slice(0, 100).map(({ path, reason }) => element("li", {}, element("code", {}, path), ` ${reason}`))),
  );
}
