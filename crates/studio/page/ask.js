// Dialogs that ask for a text or a class.

import { button, element } from "./dom.js";
import { state } from "./store.js";

/**
 * A dialog that is removed when it is closed.
 * @template T
 * @param {string} title @param {(close: (value: T | null) => void) => any[]} fill @param {string} [kind]
 * @returns {Promise<T | null>} null: closed without an answer
 */
export function dialog(title, fill, kind = "") {
  return new Promise((resolve) => {
    /** @type {T | null} */
    let answer = null;
    const close = (/** @type {T | null} */ value) => {
      answer = value;
      box.close();
    };
    const box = element("dialog", { class: kind, "aria-label": title }, element("h2", {}, title), fill(close));
    box.onclose = () => {
      box.remove();
      resolve(answer);
    };
    // A click on the backdrop.
    box.onclick = (/** @type {MouseEvent} */ event) => {
      if (event.target === box) box.close();
    };
    document.body.append(box);
    box.showModal();
  });
}

/** @param {string} title @param {string} label @param {string} value @param {string} action */
export function askText(title, label, value, action) {
  return /** @type {Promise<string | null>} */ (
    dialog(title, (close) => {
      const input = element("input", { value, required: true, autocomplete: "off", spellcheck: "false" });
      queueMicrotask(() => input.select());
      const form = element(
        "form",
        {},
        element("label", {}, label, input),
        element("p", { class: "actions" }, button("Cancel", () => close(null)), element("button", { class: "main" }, action)),
      );
      form.onsubmit = (/** @type {Event} */ event) => {
        event.preventDefault();
        close(input.value.trim() || null);
      };
      return [form];
    })
  );
}

/** Asks for a class, by its name or its number. @param {string} title @param {(string | null)[]} [without] @returns {Promise<{name: string | null} | null>} */
export function askClass(title, without = []) {
  /** @type {{name: string | null, number: number, words: string}[]} */
  const all = (state.project?.classes ?? []).map(({ name }, index) => ({ name, number: index + 1, words: name }));
  all.push({ name: null, number: 0, words: "No class yet (to be labelled)" });
  const choices = all.filter(({ name }) => !without.includes(name));
  return dialog(title, (close) => {
    const list = element("div", { class: "choices" });
    const find = element("input", { type: "search", placeholder: "Type a name or a number", "aria-label": "Find a class", autocomplete: "off" });
    /** @type {typeof choices} */
    let found = [];
    const fill = () => {
      const wanted = find.value.trim().toLocaleLowerCase();
      found = choices.filter(({ words }) => words.toLocaleLowerCase().includes(wanted));
      const exact = choices.find(({ number }) => String(number) === wanted && number > 0);
      if (exact) found = [exact];
      list.replaceChildren(
        ...found.map(({ name, number, words }) =>
          button([number > 0 && number < 10 ? element("kbd", {}, number) : element("span"), words], () => close({ name })),
        ),
      );
    };
    find.oninput = fill;
    find.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && found.length > 0) {
        event.preventDefault();
        close({ name: found[0].name });
      }
      if (event.key === "ArrowDown") list.querySelector("button")?.focus();
    };
    list.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const buttons = [...list.querySelectorAll("button")];
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = buttons[buttons.indexOf(document.activeElement) + step];
      if (next) next.focus();
      else if (step < 0) find.focus();
    };
    fill();
    return [find, list, element("p", { class: "actions" }, button("Cancel", () => close(null)))];
  });
}

/** Asks for the name of a new class. */
export const askNewClass = () => askText("New class", "What do its pictures show?", "", "Add class");
