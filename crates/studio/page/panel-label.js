// Pictures without a class, one after another, the most informative first.

import * as api from "./api.js";
import { button, element, fileName, hasDialog, isTyping, key, percent, plural, replace } from "./dom.js";
import { askClass, askNewClass } from "./ask.js";
import { addClass } from "./class-list.js";
import { chooseFiles, send } from "./files.js";
import { hasSingleKeys } from "./keys.js";
import { act, move, remove, state, Watching } from "./store.js";

const SHOWN_ALIKE = 24;
const SHOWN_NEXT = 12;

class PanelLabel extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["inbox", "project"];
  /** The current picture, which stays current when the order changes. */
  #path = "";
  #index = 0;
  #shown = "";
  #place = element("div", { class: "label-place" });
  #spoken = element("p", { class: "unseen", role: "status" });
  #onKey = (/** @type {KeyboardEvent} */ event) => this.#key(event);

  start() {
    this.append(this.#place, this.#spoken);
    addEventListener("keydown", this.#onKey);
  }

  stop() {
    removeEventListener("keydown", this.#onKey);
  }

  get #items() {
    return state.inbox ?? [];
  }

  get #current() {
    return this.#items[this.#index];
  }

  /** The pictures that look like the current one, itself first. */
  get #alike() {
    const current = this.#current;
    if (!current) return [];
    const others = current.cluster === null ? [] : this.#items.filter((item) => item !== current && item.cluster === current.cluster);
    return [current, ...others];
  }

  update() {
    const { project, inbox } = state;
    if (!project || !inbox) return;
    const place = inbox.findIndex(({ path }) => path === this.#path);
    this.#index = place >= 0 ? place : Math.min(this.#index, Math.max(0, inbox.length - 1));
    this.#path = this.#current?.path ?? "";
    const is = JSON.stringify([project.classes.map(({ name }) => name), this.#alike, inbox.slice(this.#index, this.#index + SHOWN_NEXT), inbox.length]);
    if (is === this.#shown) return;
    this.#shown = is;
    replace(this.#place, this.#current ? this.#view() : this.#nothing());
    const item = this.#current;
    this.#spoken.textContent = item ? `${fileName(item.path)}. ${item.guess === null ? "No guess" : `Its guess: ${item.guess}`}` : "";
  }

  #nothing() {
    return element(
      "section",
      { class: "empty" },
      element("h2", {}, "Nothing to label"),
      element("p", {}, "Pictures without a class come here. The model guesses what they are, and you agree with one key."),
      element(
        "div",
        { class: "group" },
        button("Add pictures without a class", () => chooseFiles((files) => void send(files, null)), { class: "main" }),
        button("Choose a folder", () => chooseFiles((files) => void send(files.map(({ name, file }) => ({ name: fileName(name), file })), null), true)),
      ),
    );
  }

  #view() {
    const item = this.#current;
    const alike = this.#alike;
    return [
      element(
        "section",
        { class: "focus", "aria-label": "Picture to label" },
        element("h2", {}, "What is this? ", element("small", {}, `${plural(this.#items.length, "picture")} without a class`)),
        element(
          "figure",
          {},
          item.problem
            ? element("p", { class: "none problem" }, `This picture cannot be read: ${item.problem}`)
            : element("img", { src: api.picture(item), alt: `Picture ${fileName(item.path)}` }),
        ),
        this.#guess(item),
      ),
      element("section", { class: "answers", "aria-label": "Its class" }, this.#classes(), this.#tools(), alike.length > 1 ? this.#cluster(alike) : null, this.#next()),
    ];
  }

  /** @param {api.InboxItem} item */
  #guess(item) {
    if (item.guess === null) return element("p", { class: "guess" }, item.problem ? "" : "No guess yet: label some, and it learns.");
    const words = item.unknown ? `Perhaps ${item.guess}, but it looks like nothing it knows` : item.guess;
    const score = item.score === null ? "" : ` (${percent(item.score)} sure)`;
    const guess = item.guess;
    return element(
      "p",
      { class: "guess" },
      element("span", {}, "Its guess: ", element("b", {}, words), score),
      button(["Right ", key("Enter")], () => this.#label([item], guess), { class: "main", "data-key": "right" }),
    );
  }

  #classes() {
    const classes = state.project?.classes ?? [];
    return element(
      "div",
      { class: "class-buttons" },
      classes.map(({ name }, index) =>
        button([index < 9 ? key(String(index + 1)) : "", element("span", {}, name)], () => this.#label([this.#current], name), { "data-key": `class ${name}` }),
      ),
      button("+ New class", () => void addClass().then(() => (location.hash = "#/label")), { class: "add", "data-key": "new" }),
    );
  }

  #tools() {
    return element(
      "div",
      { class: "group" },
      button(["Back ", key("←")], () => this.#go(-1), { class: "quiet", "data-key": "back", disabled: this.#index === 0 }),
      button(["Skip ", key("→")], () => this.#go(1), { class: "quiet", "data-key": "skip", disabled: this.#index + 1 >= this.#items.length }),
      button(["Delete ", key("Del")], () => this.#delete(), { class: "quiet", "data-key": "delete" }),
    );
  }

  /** @param {api.InboxItem[]} alike */
  #cluster(alike) {
    const { guess } = alike[0];
    const all = plural(alike.length, "picture");
    return element(
      "div",
      { class: "cluster" },
      element("h3", {}, `${alike.length - 1} more look like this`),
      element("div", { class: "strip" }, alike.slice(1, SHOWN_ALIKE + 1).map((item) => small(item, () => this.#look(item)))),
      element(
        "div",
        { class: "group" },
        guess ? button([`All ${alike.length} are ${guess} `, key("Shift+Enter")], () => this.#label(alike, guess), { "data-key": "all right" }) : null,
        alike[0].unknown ? button(`A new class for all ${alike.length}`, () => void this.#newClass(alike), { "data-key": "all new" }) : null,
        button(`Choose a class for all ${alike.length}`, () => void this.#choose(alike, `These ${all} are`), { "data-key": "all" }),
      ),
      element("p", { class: "faint" }, "or ", key("Shift"), " and a number"),
    );
  }

  #next() {
    const next = this.#items.slice(this.#index + 1, this.#index + 1 + SHOWN_NEXT);
    if (next.length === 0) return null;
    return element("div", { class: "cluster" }, element("h3", {}, "Next"), element("div", { class: "strip" }, next.map((item) => small(item, () => this.#look(item)))));
  }

  /** @param {api.InboxItem} item */
  #look(item) {
    this.#path = item.path;
    this.update();
  }

  /** @param {number} step */
  #go(step) {
    const item = this.#items[this.#index + step];
    if (item) this.#look(item);
  }

  /** Moves on to the picture after these, or before them at the end. @param {api.InboxItem[]} items */
  #leave(items) {
    const gone = new Set(items);
    const after = this.#items.slice(this.#index).find((item) => !gone.has(item)) ?? this.#items.findLast((item) => !gone.has(item));
    this.#path = after?.path ?? "";
  }

  /** @param {api.InboxItem[]} items @param {string} name */
  #label(items, name) {
    this.#leave(items);
    void move(items.map(({ path }) => path), name);
  }

  #delete() {
    const item = this.#current;
    this.#leave([item]);
    void remove([item.path]);
  }

  /** @param {api.InboxItem[]} items @param {string} title */
  async #choose(items, title) {
    const to = await askClass(title, [null]);
    if (to?.name) this.#label(items, to.name);
  }

  /** @param {api.InboxItem[]} items */
  async #newClass(items) {
    const name = await askNewClass();
    if (name !== null && (await act({ do: "addClass", name }))) this.#label(items, name);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const item = this.#current;
    if (!item || event.defaultPrevented || isTyping(event) || hasDialog() || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = event.shiftKey ? this.#alike : [item];
    // With Shift, a digit's key produces a different character on most keyboards.
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
    const name = state.project?.classes[Number(digit) - 1]?.name;
    const isOnButton = event.target instanceof Element && event.target.closest("button, a");
    if (event.key === "ArrowRight") this.#go(1);
    else if (event.key === "ArrowLeft") this.#go(-1);
    else if (event.key === "Delete") this.#delete();
    else if (event.key === "Enter" && item.guess !== null && !isOnButton) this.#label(items, item.guess);
    else if (!hasSingleKeys()) return;
    else if (name !== undefined) this.#label(items, name);
    else if (event.key.toLowerCase() === "m") void this.#choose(items, "This is");
    else return;
    event.preventDefault();
  }
}
customElements.define("panel-label", PanelLabel);

/** @param {api.InboxItem} item @param {() => void} onclick */
function small(item, onclick) {
  const image = item.problem ? "?" : element("img", { src: api.thumbnail(item), alt: "", loading: "lazy", decoding: "async" });
  return button(image, onclick, { "aria-label": fileName(item.path), class: "thumb", title: item.path });
}
