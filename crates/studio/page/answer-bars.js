// The model's answer for a picture, with a bar for each class. Event: `why` (detail: the chosen class).

import { button, element, percent } from "./dom.js";
import { state } from "./store.js";

// Up to so many classes keep their order; with more classes, those with the highest scores are shown.
const MOST = 8;
const READ_OUT_MS = 1200;

export class AnswerBars extends HTMLElement {
  #headline = element("p", { class: "headline" });
  #about = element("p", { class: "faint" });
  #list = element("ul");
  #spoken = element("p", { class: "unseen", role: "status" });
  /** @type {{row: HTMLElement, name: HTMLElement, fill: HTMLElement, value: HTMLElement}[]} */
  #rows = [];
  /** The class that was chosen for the heatmap, if any. @type {string | null} */
  why = null;
  #said = "";
  #since = 0;

  connectedCallback() {
    if (!this.firstChild) this.append(this.#headline, this.#about, this.#list, this.#spoken);
  }

  /** @param {import("./api.js").Live | null} answer @param {string} [otherwise] the text if there is no answer */
  show(answer, otherwise = "") {
    if (!answer) {
      this.#headline.textContent = otherwise;
      this.#about.textContent = "";
      this.#list.replaceChildren();
      this.#rows = [];
      return;
    }
    const headline = answer.unknown ? "Unknown" : (answer.label ?? "No answer");
    const best = answer.scores[0];
    this.#headline.textContent = headline;
    this.classList.toggle("unknown", answer.unknown);
    this.#about.textContent = answer.unknown ? "It looks like none of your classes; the bars say what it would be if it had to be one." : best ? `${percent(best.score)} sure` : "";
    this.#bars(answer);
    this.#speak(headline);
  }

  /** @param {import("./api.js").Live} answer */
  #bars({ scores, label, unknown }) {
    const shown = scores.slice(0, MOST);
    if (scores.length <= MOST) {
      const order = state.project?.classes.map(({ name }) => name) ?? [];
      shown.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    }
    while (this.#rows.length < shown.length) this.#add();
    while (this.#rows.length > shown.length) this.#rows.pop()?.row.remove();
    shown.forEach(({ name, score }, index) => {
      const row = this.#rows[index];
      if (row.name.textContent !== name) {
        row.name.textContent = name;
        row.name.title = `Show what speaks for ${name}`;
      }
      row.name.ariaPressed = String(name === this.why);
      row.fill.style.transform = `scaleX(${score})`;
      row.value.textContent = percent(score);
      row.row.classList.toggle("best", name === label && !unknown);
    });
  }

  #add() {
    const name = button("", () => this.dispatchEvent(new CustomEvent("why", { detail: name.textContent })), { class: "name" });
    const fill = element("i");
    const value = element("b");
    const row = element("li", {}, name, element("span", { class: "track", "aria-hidden": "true" }, fill), value);
    this.#rows.push({ row, name, fill, value });
    this.#list.append(row);
  }

  /** Lets screen readers announce an answer when it stays the same for a while. @param {string} headline */
  #speak(headline) {
    const now = performance.now();
    if (headline !== this.#said) {
      this.#said = headline;
      this.#since = now;
    } else if (now - this.#since > READ_OUT_MS && this.#spoken.textContent !== headline) this.#spoken.textContent = headline;
  }
}
customElements.define("answer-bars", AnswerBars);
