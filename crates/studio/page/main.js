// The window: the header, the current panel, and everything that all panels share.

import { button, element, focusOn, percent, plural } from "./dom.js";
import { filesOf, named, send, shownClass } from "./files.js";
import { DRAG_TYPE } from "./grid.js";
import { listenToKeys, showHelp } from "./keys.js";
import { PANELS } from "./panels.js";
import { connect, redo, show, state, undo, Watching } from "./store.js";
import "./next-step.js";
import "./panel-clean.js";
import "./panel-improve.js";
import "./panel-label.js";
import "./panel-live.js";
import "./panel-pictures.js";
import "./panel-results.js";
import "./panel-take.js";
import "./toast.js";

class StudioApp extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["project", "learned", "findings", "progress", "sending", "connection"];
  /** @type {string | null} */
  #panel = null;
  #main = element("main", { id: "main" });
  #banner = element("p", { class: "banner", role: "alert", hidden: true });
  #name = element("b");
  #status = element("a", { class: "status", href: "#/results" });
  #undo = button("↶", () => void undo(), { class: "quiet icon", "aria-label": "Undo" });
  #redo = button("↷", () => void redo(), { class: "quiet icon", "aria-label": "Redo" });
  #nav = element("nav", { "aria-label": "Panels" });
  #drop = element("div", { class: "drop-over", hidden: true }, element("p"));

  start() {
    const help = button("?", showHelp, { class: "quiet icon", "aria-label": "Keys and help" });
    const header = element(
      "header",
      {},
      element("a", { class: "skip", href: "#/main" }, "To the panel"),
      element("h1", {}, element("span", {}, "headstart"), this.#name),
      this.#nav,
      element("div", { class: "tools" }, this.#status, this.#undo, this.#redo, help),
    );
    header.querySelector(".skip").onclick = (/** @type {Event} */ event) => {
      event.preventDefault();
      focusOn(this.#main);
    };
    this.append(header, this.#banner, element("next-step"), this.#main, element("studio-toast"), this.#drop);
    for (const { id, title } of PANELS) this.#nav.append(element("a", { href: `#/${id}`, "data-panel": id }, title));
    addEventListener("hashchange", () => this.#route());
    listenToKeys();
    this.#listenToDrops();
    this.#route();
    connect();
  }

  #route() {
    const [id, ...rest] = location.hash.slice(2).split("/");
    const panel = PANELS.find((panel) => panel.id === id) ?? PANELS[0];
    if (panel.id === "pictures" && rest.length > 0) {
      const name = decodeURIComponent(rest.join("/"));
      show(name === "." ? null : name);
    }
    if (panel.id !== this.#panel) {
      this.#panel = panel.id;
      this.#main.className = panel.id;
      this.#main.replaceChildren(element(`panel-${panel.id}`));
      this.#main.scrollTop = 0;
    }
    document.title = `${panel.title} · ${state.project?.name ?? "headstart"}`;
    for (const link of this.#nav.querySelectorAll("a")) {
      if (link.dataset.panel === panel.id) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      } else link.removeAttribute("aria-current");
    }
  }

  update() {
    const { project, connection } = state;
    this.#name.textContent = project?.name ?? "";
    this.#name.title = project?.folder ?? "";
    const broken = /** @type {Record<string, string>} */ ({
      lost: "The studio does not answer. If it has ended, start it again in the terminal: nothing is lost.",
      denied: "The studio was started anew, and this window is no longer let in: open the address that the terminal shows.",
    });
    const trouble = broken[connection] ?? (project?.readOnly ? `You can look, but nothing can be changed: ${project.readOnly}` : "");
    this.#banner.hidden = trouble === "";
    if (this.#banner.textContent !== trouble) this.#banner.textContent = trouble;
    this.#tool(this.#undo, "Undo", project?.undo, "Control+Z");
    this.#tool(this.#redo, "Redo", project?.redo, "Control+Shift+Z");
    for (const { id, title, count, counts } of PANELS) {
      const link = /** @type {HTMLElement} */ (this.#nav.querySelector(`[data-panel=${id}]`));
      const number = count();
      const text = number > 0 ? `${title} ${number}` : title;
      if (link.textContent === text) continue;
      link.replaceChildren(title);
      if (number > 0) link.append(" ", element("b", {}, number > 999 ? "999+" : number), element("span", { class: "unseen" }, ` ${counts}`));
    }
    this.#showStatus();
    document.title = document.title.replace(/ · .*/, ` · ${project?.name ?? "headstart"}`);
  }

  /** @param {any} tool @param {string} name @param {string | null | undefined} what @param {string} keys */
  #tool(tool, name, what, keys) {
    tool.disabled = !what;
    tool.title = what ? `${name}: ${what} (${keys.replace("Control", "Ctrl")})` : `Nothing to ${name.toLowerCase()}`;
    tool.setAttribute("aria-keyshortcuts", keys);
  }

  #showStatus() {
    const work = state.sending ?? state.progress;
    const accuracy = state.learned?.accuracy;
    const pictures = state.project?.classes.reduce((sum, one) => sum + one.pictures, 0) ?? 0;
    this.#status.hidden = !work && pictures === 0;
    if (work) {
      const text = work.total > 1 ? `${work.stage} ${work.done.toLocaleString("en")} of ${work.total.toLocaleString("en")}` : `${work.stage} …`;
      this.#status.replaceChildren(element("progress", { max: work.total || 1, value: work.total > 1 ? work.done : null, "aria-label": work.stage }), text);
    } else if (typeof accuracy === "number") {
      this.#status.replaceChildren(element("b", {}, percent(accuracy)), " right on new pictures");
    } else {
      this.#status.replaceChildren(plural(pictures, "picture"));
    }
  }

  /** Accepts files anywhere on the page: the browser would open files that are dropped outside a field. */
  #listenToDrops() {
    const isFiles = (/** @type {DragEvent} */ event) =>
      event.dataTransfer?.types.includes("Files") && !event.dataTransfer.types.includes(DRAG_TYPE);
    const text = /** @type {HTMLElement} */ (this.#drop.firstElementChild);
    addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      text.textContent = this.#dropWords(event.target);
      this.#drop.hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) this.#drop.hidden = true;
    });
    addEventListener("drop", async (event) => {
      this.#drop.hidden = true;
      if (!isFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      const into = this.#classAt(event.target);
      this.#take(await filesOf(event.dataTransfer), into);
    });
    addEventListener("paste", (event) => {
      const files = named(event.clipboardData?.files ?? []);
      if (files.length === 0) return;
      event.preventDefault();
      this.#take(files, this.#classAt(null));
    });
  }

  /** @param {import("./files.js").Named[]} files @param {string | null} into */
  #take(files, into) {
    const live = this.#main.querySelector("panel-live");
    if (live) /** @type {any} */ (live).look(files);
    else void send(files, into);
  }

  /** The class of the element under a drop, or else the class that is shown. @param {EventTarget | null} target */
  #classAt(target) {
    const place = target instanceof Element ? target.closest("[data-class]") : null;
    if (place instanceof HTMLElement) return place.dataset.class || null;
    const isOfShown = target === null || (target instanceof Element && target.closest(".content") !== null);
    return this.#panel === "pictures" && isOfShown ? shownClass() : null;
  }

  /** @param {EventTarget | null} target */
  #dropWords(target) {
    if (this.#panel === "live") return "Drop a picture to see what the model says";
    const into = this.#classAt(target);
    return into === null ? "Drop pictures, or folders: each folder becomes a class" : `Drop to add to ${into}`;
  }
}
customElements.define("studio-app", StudioApp);
