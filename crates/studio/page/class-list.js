// The list of classes; pictures can be dropped on each.

import { button, element, plural, replace } from "./dom.js";
import { askNewClass } from "./ask.js";
import { dragged, DRAG_TYPE } from "./grid.js";
import { link } from "./next-step.js";
import { act, move, state, Watching } from "./store.js";

export class ClassList extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["project", "shown"];
  #list = element("ul");
  #shown = "";

  start() {
    this.append(
      element("p", { id: "classes-title", class: "faint" }, "Classes"),
      this.#list,
      button("+ Add class", addClass, { class: "add", "data-key": "add" }),
    );
    this.#list.setAttribute("aria-labelledby", "classes-title");
    this.#list.ondragover = (/** @type {DragEvent} */ event) => {
      const place = placeOf(event);
      if (!place || !event.dataTransfer?.types.includes(DRAG_TYPE)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
      this.#over(place);
    };
    this.#list.ondragleave = () => this.#over(null);
    this.#list.ondrop = (/** @type {DragEvent} */ event) => {
      const place = placeOf(event);
      this.#over(null);
      if (!place || !event.dataTransfer?.types.includes(DRAG_TYPE)) return;
      event.preventDefault();
      const to = place.dataset.class || null;
      if (to !== state.shown) void move(dragged, to);
    };
  }

  /** @param {HTMLElement | null} place */
  #over(place) {
    for (const item of this.#list.children) item.classList.toggle("over", item === place);
  }

  update() {
    const { project, shown } = state;
    if (!project) return;
    const is = JSON.stringify([project.classes, project.inbox, shown]);
    if (is === this.#shown) return;
    this.#shown = is;
    const most = Math.max(1, ...project.classes.map(({ pictures }) => pictures));
    const items = project.classes.map(({ name, pictures }, index) =>
      item(name, link(name), pictures, index < 9 ? index + 1 : null, shown === name, pictures / most),
    );
    if (project.inbox > 0 || shown === null) items.push(item(null, link(null), project.inbox, null, shown === null, 0));
    replace(this.#list, items);
    this.#list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}
customElements.define("class-list", ClassList);

/** @param {string | null} name @param {string} href @param {number} pictures @param {number | null} number @param {boolean} isShown @param {number} share */
function item(name, href, pictures, number, isShown, share) {
  const bar = element("i", { class: "share" });
  bar.style.transform = `scaleX(${share})`;
  return element(
    "li",
    { "data-class": name ?? "" },
    element(
      "a",
      { href, "aria-current": isShown ? "true" : null, "data-key": `class ${name ?? ""}` },
      number ? element("kbd", { "aria-hidden": "true" }, number) : element("span", { class: "no-key" }),
      element("span", { class: "name" }, name ?? element("em", {}, "No class yet")),
      element("b", { class: pictures < 5 && name !== null ? "few" : "" }, pictures.toLocaleString("en"), element("span", { class: "unseen" }, ` ${plural(pictures, "picture").replace(/^\S+ /, "")}`)),
      bar,
    ),
  );
}

/** @param {DragEvent} event @returns {HTMLElement | null} */
const placeOf = (event) => (event.target instanceof Element ? event.target.closest("li") : null);

/** Asks for the name of a class, creates it and shows it. */
export async function addClass() {
  const name = await askNewClass();
  if (name !== null && (await act({ do: "addClass", name }))) location.hash = link(name);
}
