// Shows how to begin when the project is empty.

import { button, element } from "./dom.js";
import { chooseFiles, send } from "./files.js";
import { link } from "./next-step.js";
import { act } from "./store.js";

class StartHere extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    const examples = ["for example: Cat", "for example: Dog"];
    const inputs = examples.map((placeholder, index) =>
      element("input", { placeholder, "aria-label": index === 0 ? "One thing" : "Another thing", autocomplete: "off", required: true }),
    );
    const form = element(
      "form",
      { class: "card" },
      element("h3", {}, "Start with two names"),
      element("p", {}, "What shall it tell apart? Each is a class; more can follow."),
      inputs,
      element("button", { class: "main" }, "Begin"),
    );
    form.onsubmit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const names = inputs.map((input) => input.value.trim()).filter((name) => name !== "");
      let first = null;
      for (const name of new Set(names)) if (await act({ do: "addClass", name })) first ??= name;
      if (first !== null) location.hash = link(first);
    };
    const drop = element(
      "div",
      { class: "card drop" },
      element("h3", {}, "Or drop your pictures here"),
      element("p", {}, "a folder with a folder for each class, a ZIP of that, or pictures to be sorted later"),
      element(
        "div",
        { class: "group" },
        button("Choose a folder", () => chooseFiles((files) => void send(files, null), true)),
        button("Choose pictures or a ZIP", () => chooseFiles((files) => void send(files, null))),
      ),
    );
    this.append(
      element("h2", {}, "Show it pictures, and it learns to tell them apart"),
      element("p", { class: "lead" }, "Give it some pictures of each thing. It learns while you add them, and you can try it at once. Nothing leaves this computer."),
      element("div", { class: "ways" }, form, drop),
    );
  }
}
customElements.define("start-here", StartHere);
