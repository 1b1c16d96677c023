// The pictures of a class: adds, selects, moves and opens them.

import { button, element, hasDialog, plural, replace } from "./dom.js";
import { askClass, askText } from "./ask.js";
import { chooseFiles, send, shownClass } from "./files.js";
import { hasSingleKeys } from "./keys.js";
import { openLarge } from "./large.js";
import { link } from "./next-step.js";
import { act, move, remove, show, state, Watching } from "./store.js";
import "./grid.js";
import "./recorder.js";
import "./start.js";

class PanelPictures extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["project", "pictures", "shown"];
  /** @type {import("./grid.js").PictureGrid} */
  #grid = element("picture-grid");
  #bar = element("div", { class: "bar" });
  #empty = element("div", { class: "empty" });
  #content = element("section", { class: "content", "aria-label": "Pictures" });
  #start = element("start-here");
  #recorder = element("camera-recorder");
  /** The state that the bar shows. */
  #made = "";
  /** @type {string | null | undefined} */
  #of;

  start() {
    this.#content.append(this.#bar, this.#recorder, this.#empty, this.#grid);
    this.append(this.#start, element("class-list"), this.#content);
    this.#recorder.hidden = true;
    this.#recorder.addEventListener("close", () => this.#record(false));
    this.#grid.addEventListener("chosen", () => this.#fillBar());
    this.#grid.addEventListener("open", (event) => this.#open(/** @type {CustomEvent} */ (event).detail));
    this.#grid.addEventListener("key", (event) => this.#key(/** @type {CustomEvent} */ (event).detail));
  }

  update() {
    const { project, pictures, shown } = state;
    if (!project) return;
    const { classes } = project;
    const isStart = classes.length === 0 && project.inbox === 0;
    this.#start.hidden = !isStart;
    /** @type {HTMLElement} */ (this.querySelector("class-list")).hidden = isStart;
    this.#content.hidden = isStart;
    if (isStart) return;
    // No class was chosen yet, or the class that was shown no longer exists.
    const isThere = shown === null || classes.some(({ name }) => name === shown);
    if (shown === undefined || !isThere) {
      const name = classes[0]?.name ?? null;
      // The address must match the class that is shown, or its link would do nothing.
      history.replaceState(null, "", link(name));
      return show(name);
    }
    if (this.#of !== shown) {
      this.#of = shown;
      this.#grid.reset();
      // The camera stays on, so that one class after another can be recorded.
      this.#recorder.name(shown);
    }
    const list = pictures && pictures.of === shown ? pictures.list : null;
    if (list && list !== this.#grid.items) this.#grid.show(list, `Pictures of ${shown ?? "no class"}`);
    const isEmpty = list !== null && list.length === 0;
    this.#grid.hidden = isEmpty;
    this.#empty.hidden = !isEmpty;
    this.#fillBar();
    this.#fillEmpty();
  }

  #fillBar() {
    const { shown, project } = state;
    const selected = this.#grid.selected.size;
    const is = JSON.stringify([shown, selected, this.#grid.items.length, project?.classes.length, project?.readOnly]);
    if (is === this.#made) return;
    this.#made = is;
    if (selected > 0) return replace(this.#bar, this.#selectionTools(selected));
    const count = this.#grid.items.length;
    const title = element("h2", {}, shown ?? "No class yet", " ", element("small", {}, plural(count, "picture")));
    if (project?.readOnly) return replace(this.#bar, title);
    const add = [
      button("Add pictures", () => this.#choose(false), { class: "main", "data-key": "files" }),
      button("Camera", () => this.#record(this.#recorder.hidden), { "data-key": "camera" }),
    ];
    if (shown === null || shown === undefined) {
      add.push(element("a", { class: "button", href: "#/label" }, "Label them one by one"));
      return replace(this.#bar, title, element("div", { class: "group" }, add));
    }
    const more = [
      button("Rename", () => void this.#rename(shown), { class: "quiet", "data-key": "rename" }),
      button("Merge", () => void this.#merge(shown), { class: "quiet", "data-key": "merge", disabled: (project?.classes.length ?? 0) < 2 }),
      button("Delete class", () => void act({ do: "deleteClass", name: shown }), { class: "quiet", "data-key": "delete" }),
    ];
    replace(this.#bar, title, element("div", { class: "group" }, add), element("div", { class: "group last" }, more));
  }

  /** @param {number} selected */
  #selectionTools(selected) {
    const all = this.#grid.items.length;
    return [
      element("h2", {}, `${selected.toLocaleString("en")} selected`),
      element(
        "div",
        { class: "group" },
        button("Move to …", () => void this.#moveTo(), { class: "main", "data-key": "move" }),
        button("Look", () => this.#openChosen(), { "data-key": "look" }),
        button("Delete", () => void remove(this.#grid.chosen), { "data-key": "remove" }),
      ),
      element(
        "div",
        { class: "group last" },
        button(`Select all ${all.toLocaleString("en")}`, () => this.#grid.select(this.#grid.items.map(({ path }) => path)), { class: "quiet", "data-key": "all", disabled: selected === all }),
        button("Select none", () => this.#grid.select([]), { class: "quiet", "data-key": "none" }),
      ),
    ];
  }

  #fillEmpty() {
    const { shown } = state;
    const is = String(shown);
    if (this.#empty.hidden || this.#empty.dataset.of === is) return;
    this.#empty.dataset.of = is;
    replace(
      this.#empty,
      element(
        "div",
        { class: "drop" },
        element("p", { class: "strong" }, shown === null ? "All pictures have a class" : `Drop pictures of ${shown} here`),
        element("p", {}, "files, folders or a ZIP; Ctrl+V pastes one"),
        element(
          "div",
          { class: "group" },
          button("Choose pictures", () => this.#choose(false), { class: "main" }),
          button("Choose a folder", () => this.#choose(true)),
          button("Use the camera", () => this.#record(true)),
        ),
        element("p", { class: "faint" }, shown === null ? "" : "Ten are enough to begin with; from thirty on it gets good."),
      ),
    );
  }

  /** @param {boolean} isFolder */
  #choose(isFolder) {
    const into = shownClass();
    chooseFiles((files) => void send(files, into), isFolder);
  }

  /** @param {boolean} isOn */
  #record(isOn) {
    this.#recorder.hidden = !isOn;
    if (isOn) this.#recorder.open();
    else this.#recorder.close();
  }

  /** @param {number} index */
  #open(index) {
    void openLarge(this.#grid.items, index).then(() => this.#grid.focus());
  }

  #openChosen() {
    const [first] = this.#grid.chosen;
    this.#open(this.#grid.items.findIndex(({ path }) => path === first));
  }

  async #moveTo() {
    const paths = this.#grid.chosen;
    const to = await askClass(`Move ${plural(paths.length, "picture")} to`, [state.shown ?? null]);
    if (to) await this.#moved(paths, to.name);
  }

  /** @param {string[]} paths @param {string | null} to */
  async #moved(paths, to) {
    const done = move(paths, to);
    this.#grid.focus();
    await done;
  }

  /** @param {string} name */
  async #rename(name) {
    const to = await askText("Rename class", "Its new name", name, "Rename");
    if (to === null || to === name) return;
    if (await act({ do: "renameClass", from: name, to })) location.hash = link(to);
  }

  /** @param {string} name */
  async #merge(name) {
    const into = await askClass(`Merge ${name} into`, [name, null]);
    if (into?.name && (await act({ do: "mergeClass", from: name, into: into.name }))) location.hash = link(into.name);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const chosen = this.#grid.chosen;
    if (chosen.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = state.project?.classes[Number(event.key) - 1]?.name;
    if (event.key === "Delete" || event.key === "Backspace") void remove(chosen);
    else if (!hasSingleKeys()) return;
    else if (event.key === "m") void this.#moveTo();
    else if (to !== undefined && to !== state.shown) void this.#moved(chosen, to);
    else return;
    event.preventDefault();
  }
}
customElements.define("panel-pictures", PanelPictures);

addEventListener("keydown", (event) => {
  if (event.key !== "F2" || event.defaultPrevented || hasDialog()) return;
  /** @type {HTMLElement | null} */ (document.querySelector("panel-pictures [data-key=rename]"))?.click();
});
