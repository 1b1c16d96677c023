// A grid of pictures. Only visible pictures have elements, so that ten thousand scroll as smoothly as ten.

import { element, fileName } from "./dom.js";
import { thumbnail } from "./api.js";

const GAP = 8;
const ROWS_AROUND = 2;
// While scrolling is faster than this, no thumbnails are requested.
const QUICK = 1.5;
const SETTLED_MS = 90;

/** @typedef {{path: string, tag: string, problem: string | null, caption?: string}} Item */

/** The paths of the pictures that are being dragged. @type {string[]} */
export let dragged = [];
export const DRAG_TYPE = "application/x-headstart-pictures";

/**
 * Events: `chosen` (the selection has changed), `open` (detail: an index), `key` (detail: a keyboard event that the
 * grid does not handle itself).
 */
export class PictureGrid extends HTMLElement {
  /** @type {Item[]} */
  items = [];
  /** @type {Set<string>} */
  selected = new Set();
  #current = 0;
  #anchor = 0;
  #columns = 1;
  #tile = 128;
  #top = 0;
  #settled = 0;
  #frame = 0;
  /** By index. @type {Map<number, HTMLElement>} */
  #tiles = new Map();
  /** @type {HTMLElement[]} */
  #spare = [];
  #list = element("div", { role: "listbox", "aria-multiselectable": "true", tabindex: "0", class: "tiles" });
  #resized = new ResizeObserver(() => this.#layOut());

  connectedCallback() {
    this.replaceChildren(this.#list);
    this.addEventListener("scroll", () => this.#paintSoon(), { passive: true });
    // Marks pictures that turn out to be unreadable only when they are loaded.
    this.#list.addEventListener("error", (/** @type {Event} */ event) => unreadable(/** @type {Element} */ (event.target).closest(".tile")), true);
    this.#list.onclick = (/** @type {MouseEvent} */ event) => this.#click(event);
    this.#list.ondblclick = (/** @type {MouseEvent} */ event) => {
      const index = this.#indexOf(event.target);
      if (index !== null) this.#tell("open", index);
    };
    this.#list.onkeydown = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    this.#list.onfocus = () => this.#paint();
    this.#list.ondragstart = (/** @type {DragEvent} */ event) => this.#drag(event);
    this.#resized.observe(this);
  }

  disconnectedCallback() {
    this.#resized.disconnect();
    clearTimeout(this.#settled);
    cancelAnimationFrame(this.#frame);
  }

  /** Shows pictures; those that are still there stay selected. @param {Item[]} items @param {string} label */
  show(items, label) {
    const current = this.items[this.#current]?.path;
    // A picture that keeps its index keeps its element, so that nothing flickers while more pictures arrive.
    for (const index of [...this.#tiles.keys()]) if (!isSame(this.items[index], items[index])) this.#release(index);
    this.items = items;
    this.#list.setAttribute("aria-label", label);
    const place = current === undefined ? -1 : items.findIndex(({ path }) => path === current);
    this.#current = Math.max(0, place >= 0 ? place : Math.min(this.#current, items.length - 1));
    this.#anchor = this.#current;
    if (this.selected.size > 0) {
      const before = this.selected.size;
      const all = this.selected;
      this.selected = new Set(items.map(({ path }) => path).filter((path) => all.has(path)));
      if (this.selected.size !== before) this.#tell("chosen");
    }
    this.#layOut();
  }

  /** Scrolls to the first picture, and clears the selection. */
  reset() {
    this.selected.clear();
    this.#current = this.#anchor = this.scrollTop = 0;
    this.#tell("chosen");
  }

  /** The selected paths, in order; the current path if none is selected. */
  get chosen() {
    if (this.selected.size > 0) return this.items.filter(({ path }) => this.selected.has(path)).map(({ path }) => path);
    const current = this.items[this.#current];
    return current ? [current.path] : [];
  }

  /** @param {Iterable<string>} paths */
  select(paths) {
    this.selected = new Set(paths);
    this.#paint();
    this.#tell("chosen");
  }

  focus() {
    this.#list.focus();
  }

  /** @param {string} name @param {any} [detail] */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #layOut() {
    const width = this.#list.clientWidth;
    if (width === 0) return;
    const least = width < 500 ? 96 : 128;
    const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
    const tile = Math.floor((width + GAP) / columns) - GAP;
    const isOther = columns !== this.#columns || tile !== this.#tile;
    this.#columns = columns;
    this.#tile = tile;
    const rows = Math.ceil(this.items.length / this.#columns);
    this.#list.style.height = `${Math.max(0, rows * (this.#tile + GAP) - GAP)}px`;
    this.style.setProperty("--tile", `${this.#tile}px`);
    if (isOther) for (const index of [...this.#tiles.keys()]) this.#release(index);
    this.#paint();
  }

  #paintSoon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    const row = this.#tile + GAP;
    const top = this.scrollTop;
    const isQuick = Math.abs(top - this.#top) > QUICK * this.clientHeight;
    this.#top = top;
    const first = Math.max(0, Math.floor(top / row) - ROWS_AROUND) * this.#columns;
    const last = Math.min(this.items.length, (Math.ceil((top + this.clientHeight) / row) + ROWS_AROUND) * this.#columns);
    for (const index of [...this.#tiles.keys()]) if (index < first || index >= last) this.#release(index);
    for (let index = first; index < last; index += 1) this.#tileAt(index);
    clearTimeout(this.#settled);
    if (isQuick) this.#settled = setTimeout(() => this.#fill(), SETTLED_MS);
    else this.#fill();
    const isShown = this.#tiles.has(this.#current);
    if (isShown) this.#list.setAttribute("aria-activedescendant", `tile-${this.#current}`);
    else this.#list.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  #tileAt(index) {
    const item = this.items[index];
    const tile = this.#tiles.get(index) ?? this.#spare.pop() ?? this.#make();
    if (!this.#tiles.has(index)) {
      this.#tiles.set(index, tile);
      tile.id = `tile-${index}`;
      tile.dataset.index = String(index);
      tile.title = item.problem ? `${item.path}: ${item.problem}` : item.path;
      tile.setAttribute("aria-label", item.problem ? `${fileName(item.path)}, cannot be read` : fileName(item.path));
      tile.setAttribute("aria-posinset", String(index + 1));
      tile.classList.toggle("problem", item.problem !== null);
      const row = Math.floor(index / this.#columns);
      const column = index % this.#columns;
      tile.style.transform = `translate(${column * (this.#tile + GAP)}px, ${row * (this.#tile + GAP)}px)`;
      /** @type {HTMLElement} */ (tile.lastElementChild).textContent = item.problem ? "cannot be read" : (item.caption ?? "");
      this.#list.append(tile);
    }
    tile.setAttribute("aria-setsize", String(this.items.length));
    tile.setAttribute("aria-selected", String(this.selected.has(item.path)));
    tile.classList.toggle("current", index === this.#current);
  }

  #make() {
    return element(
      "div",
      { role: "option", class: "tile", draggable: "true" },
      element("img", { alt: "", decoding: "async", draggable: "false" }),
      element("i", { class: "check" }),
      element("span", { class: "caption" }),
    );
  }

  /** Requests the thumbnails of the visible pictures. */
  #fill() {
    for (const [index, tile] of this.#tiles) {
      const item = this.items[index];
      const image = /** @type {HTMLImageElement} */ (tile.firstElementChild);
      if (item.problem === null && !image.hasAttribute("src")) image.src = thumbnail(item);
    }
  }

  /** @param {number} index */
  #release(index) {
    const tile = /** @type {HTMLElement} */ (this.#tiles.get(index));
    this.#tiles.delete(index);
    // Cancels a thumbnail that is still being loaded.
    tile.firstElementChild?.removeAttribute("src");
    tile.remove();
    if (this.#spare.length < 200) this.#spare.push(tile);
  }

  /** @param {EventTarget | null} target */
  #indexOf(target) {
    const tile = target instanceof Element ? target.closest(".tile") : null;
    return tile instanceof HTMLElement ? Number(tile.dataset.index) : null;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const index = this.#indexOf(event.target);
    if (index === null) return this.select([]);
    const isCheck = event.target instanceof Element && event.target.matches(".check");
    if (event.shiftKey) this.#extend(index);
    else if (event.ctrlKey || event.metaKey || isCheck) this.#toggle(index);
    else this.#only(index);
  }

  /** @param {number} index */
  #only(index) {
    this.#current = this.#anchor = index;
    this.select([this.items[index].path]);
  }

  /** @param {number} index */
  #toggle(index) {
    this.#current = this.#anchor = index;
    const { path } = this.items[index];
    if (!this.selected.delete(path)) this.selected.add(path);
    this.select(this.selected);
  }

  /** @param {number} index */
  #extend(index) {
    const [from, to] = index < this.#anchor ? [index, this.#anchor] : [this.#anchor, index];
    this.#current = index;
    this.select(this.items.slice(from, to + 1).map(({ path }) => path));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const rows = Math.max(1, Math.floor(this.clientHeight / (this.#tile + GAP)));
    const steps = /** @type {Record<string, number>} */ ({
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
      PageUp: -rows * this.#columns,
      PageDown: rows * this.#columns,
      Home: -this.items.length,
      End: this.items.length,
    });
    const isWithControl = event.ctrlKey || event.metaKey;
    const step = steps[event.key];
    if (this.items.length === 0) return this.#tell("key", event);
    if (step !== undefined && !event.altKey) {
      const index = Math.min(this.items.length - 1, Math.max(0, this.#current + step));
      if (event.shiftKey) this.#extend(index);
      else if (isWithControl) this.#current = index;
      else this.#only(index);
      this.#scrollTo(index);
    } else if (event.key === " ") this.#toggle(this.#current);
    else if (event.key === "Enter") this.#tell("open", this.#current);
    else if (event.key === "Escape" && this.selected.size > 0) this.select([]);
    else if (isWithControl && event.key === "a") this.select(this.items.map(({ path }) => path));
    else return this.#tell("key", event);
    event.preventDefault();
  }

  /** @param {number} index */
  #scrollTo(index) {
    const row = this.#tile + GAP;
    const top = Math.floor(index / this.#columns) * row;
    if (top < this.scrollTop) this.scrollTop = top;
    else if (top + row > this.scrollTop + this.clientHeight) this.scrollTop = top + row - this.clientHeight;
    this.#paint();
  }

  /** @param {DragEvent} event */
  #drag(event) {
    const index = this.#indexOf(event.target);
    if (index === null || !event.dataTransfer) return;
    if (!this.selected.has(this.items[index].path)) this.#only(index);
    dragged = this.chosen;
    event.dataTransfer.setData(DRAG_TYPE, String(dragged.length));
    event.dataTransfer.effectAllowed = "move";
    if (dragged.length === 1) return;
    const badge = element("div", { class: "drag-badge" }, `${dragged.length} pictures`);
    document.body.append(badge);
    event.dataTransfer.setDragImage(badge, 0, 0);
    setTimeout(() => badge.remove());
  }
}
customElements.define("picture-grid", PictureGrid);

/** @param {Item | undefined} one @param {Item | undefined} other */
const isSame = (one, other) => one?.path === other?.path && one?.tag === other?.tag && one?.problem === other?.problem && one?.caption === other?.caption;

/** @param {Element | null} tile */
function unreadable(tile) {
  tile?.classList.add("problem");
  tile?.firstElementChild?.removeAttribute("src");
  if (tile?.lastElementChild) tile.lastElementChild.textContent = "cannot be read";
}
