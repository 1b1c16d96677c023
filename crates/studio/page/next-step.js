// The one step that would help most now.

import { element } from "./dom.js";
import { hasLearned, state, Watching } from "./store.js";

/** @typedef {{text: string, href: string, action: string}} Step */

/** @returns {Step | null} */
export function nextStep() {
  const { project, learned } = state;
  if (!project || project.readOnly) return null;
  const { classes } = project;
  // The panel of pictures itself shows how to begin.
  if (classes.length === 0) return project.inbox > 0 ? { text: "Add classes, to sort your pictures into them", href: "#/pictures", action: "Add classes" } : null;
  if (classes.length === 1) return { text: "Add a second class: the model learns to tell things apart", href: "#/pictures", action: "To the classes" };
  const empty = classes.find(({ pictures }) => pictures === 0);
  if (empty) return { text: `${empty.name} has no pictures yet`, href: link(empty.name), action: "Add some" };
  const advice = learned?.advice[0];
  if (advice) return stepOf(advice);
  if (project.inbox > 0) return { text: `${project.inbox.toLocaleString("en")} pictures have no class yet`, href: "#/label", action: "Label them" };
  return hasLearned() ? { text: "It has learned your pictures", href: "#/live", action: "Try it" } : null;
}

const PANEL_OF = /** @type {Record<string, string>} */ ({ classes: "pictures", inbox: "label", accuracy: "results" });
const ACTION_OF = /** @type {Record<string, string>} */ ({ clean: "Look at them", label: "Label", improve: "Improve", live: "Try it", results: "Show", take: "Take away" });

/** @param {import("./api.js").Advice} advice @returns {Step} */
export function stepOf({ text, class: name, panel }) {
  const id = panel === null ? null : (PANEL_OF[panel] ?? panel);
  if (id && id !== "pictures" && ACTION_OF[id]) return { text, href: `#/${id}`, action: ACTION_OF[id] };
  return name === null ? { text, href: "#/results", action: "Show" } : { text, href: link(name), action: "Add pictures" };
}

/** The address of a class; null: that of the pictures without a class. @param {string | null} name */
export const link = (name) => `#/pictures/${name === null ? "." : encodeURIComponent(name)}`;

class NextStep extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["project", "learned"];
  #shown = "";

  start() {
    this.role = "region";
    this.ariaLabel = "What to do next";
  }

  update() {
    const step = nextStep();
    this.hidden = step === null;
    const is = JSON.stringify(step);
    if (!step || is === this.#shown) return;
    this.#shown = is;
    this.replaceChildren(element("span", {}, element("b", {}, "Next: "), step.text), element("a", { href: step.href }, step.action));
  }
}
customElements.define("next-step", NextStep);
