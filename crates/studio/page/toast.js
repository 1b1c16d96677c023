// A message about the last action, with a button to undo it.

import { button, element } from "./dom.js";
import { set, state, undo, Watching } from "./store.js";

const SHOWN_MS = 7000;

export class StudioToast extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["toast"];
  #timer = 0;
  // Both exist from the beginning, so that screen readers announce what is put into them.
  #status = element("div", { role: "status" });
  #alert = element("div", { role: "alert" });

  start() {
    this.append(this.#status, this.#alert);
    this.onpointerenter = this.onfocus = () => clearTimeout(this.#timer);
    this.onpointerleave = () => this.#wait();
  }

  update() {
    const { toast } = state;
    clearTimeout(this.#timer);
    this.#status.replaceChildren();
    this.#alert.replaceChildren();
    if (!toast) return;
    const box = element("p", { class: toast.problem ? "toast problem" : "toast" }, element("span", {}, toast.text));
    const told = toast.undo;
    if (told) {
      box.append(button("Undo", () => void undo(told), { class: "link", "aria-keyshortcuts": "Control+Z" }));
    }
    box.append(button("×", () => set({ toast: null }), { class: "link", "aria-label": "Close" }));
    (toast.problem ? this.#alert : this.#status).append(box);
    this.#wait();
  }

  #wait() {
    clearTimeout(this.#timer);
    // A problem stays until it is closed or replaced by another message.
    if (state.toast && !state.toast.problem) this.#timer = setTimeout(() => set({ toast: null }), SHOWN_MS);
  }

  stop() {
    clearTimeout(this.#timer);
  }
}
customElements.define("studio-toast", StudioToast);
