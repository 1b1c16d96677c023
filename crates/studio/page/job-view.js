// A running job: its progress, the remaining time, and the accuracy so far.

import { stopJob } from "./api.js";
import { button, drawn, duration, element, percent, replace } from "./dom.js";
import { failed } from "./store.js";

const WIDTH = 320;
const HEIGHT = 140;
const EDGE = 6;

export class JobView extends HTMLElement {
  #id = "";
  #title = element("h3");
  #progress = element("progress", { max: "1" });
  #words = element("p", { class: "faint" });
  #spoken = element("p", { class: "unseen", role: "status" });
  #stop = button("Stop", () => this.#end(), {});
  #chart = element("figure", { class: "curve" });
  #points = -1;

  connectedCallback() {
    if (!this.firstChild) this.append(this.#title, this.#progress, this.#words, this.#spoken, this.#chart, this.#stop);
  }

  /** @param {import("./api.js").Job} job */
  show(job) {
    const isOn = job.state === "running" || job.state === "stopping";
    if (job.id !== this.#id) this.#points = -1;
    this.#id = job.id;
    this.#title.textContent = `${job.kind === "fine_tune" ? "Fine-tuning" : "Training"} ${job.name}`;
    this.#progress.hidden = !isOn;
    this.#progress.setAttribute("aria-label", job.stage);
    this.#progress.max = Math.max(1, job.total);
    if (job.total > 0) this.#progress.value = job.done;
    else this.#progress.removeAttribute("value");
    const left = job.secondsLeft === null ? "" : `, ${duration(job.secondsLeft)} left`;
    const ends = { done: "Done", failed: "It failed", stopped: "Stopped: nothing of it was kept", stopping: "Stopping …" };
    const text = job.state === "running" ? `${job.stage}${left}` : ends[job.state];
    this.#words.textContent = job.message ? `${text}: ${job.message}` : text;
    this.#words.classList.toggle("problem", job.state === "failed");
    const spoken = job.state === "running" ? job.stage : text;
    if (this.#spoken.textContent !== spoken) this.#spoken.textContent = spoken;
    this.#stop.hidden = !isOn;
    this.#stop.disabled = job.state === "stopping";
    if (job.curve.length !== this.#points) {
      this.#points = job.curve.length;
      replace(this.#chart, job.curve.length > 1 ? curve(job.curve) : null, job.curve.length > 0 ? caption(job.curve) : null);
    }
  }

  #end() {
    this.#stop.disabled = true;
    stopJob(this.#id).catch(failed);
  }
}
customElements.define("job-view", JobView);

/** The accuracy after each epoch, on training pictures and on held-out ones. @param {import("./api.js").Point[]} points */
function curve(points) {
  const values = points.flatMap(({ accuracy, validationAccuracy }) => [accuracy, validationAccuracy]);
  const least = Math.max(0, Math.min(...values) - 0.02);
  const x = (/** @type {number} */ index) => EDGE + (index / (points.length - 1)) * (WIDTH - 2 * EDGE);
  const y = (/** @type {number} */ value) => HEIGHT - EDGE - ((value - least) / (1 - least || 1)) * (HEIGHT - 2 * EDGE);
  const line = (/** @type {(point: import("./api.js").Point) => number} */ of, /** @type {string} */ kind) =>
    drawn("polyline", { class: kind, points: points.map((point, index) => `${x(index).toFixed(1)},${y(of(point)).toFixed(1)}`).join(" ") });
  return drawn(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Accuracy after each round" },
    drawn("line", { x1: EDGE, x2: WIDTH - EDGE, y1: HEIGHT - EDGE, y2: HEIGHT - EDGE }),
    line(({ accuracy }) => accuracy, "train"),
    line(({ validationAccuracy }) => validationAccuracy, "held"),
  );
}

/** @param {import("./api.js").Point[]} points */
function caption(points) {
  const last = points[points.length - 1];
  return element(
    "figcaption",
    {},
    `After ${last.epoch} rounds: `,
    element("b", { class: "held" }, `${percent(last.validationAccuracy)} on pictures it has not seen`),
    ", ",
    element("span", { class: "train" }, `${percent(last.accuracy)} on those it learns from`),
  );
}
