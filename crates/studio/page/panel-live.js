// The model's answers for the camera, or for a picture.

import * as api from "./api.js";
import "./answer-bars.js";
import { closeCamera, grab, hasFrame, nextFrame, openCamera } from "./camera.js";
import { button, element, replace } from "./dom.js";
import { chooseFiles, send } from "./files.js";
import { failed, hasLearned, refresh, state, Watching } from "./store.js";

const QUALITY = 0.9;
const KEPT_TIMES = 120;
// The quality of a picture that is added to a class.
const SHORTER = 480;

/** @typedef {{file: File, url: string, answer: api.Live | null}} Looked */

class PanelLive extends Watching {
  /** @type {import("./store.js").Key[]} */
  static watches = ["project", "learned", "models"];
  #video = element("video", { playsinline: true, muted: true, hidden: true, "aria-label": "What the camera sees" });
  #image = element("img", { alt: "The picture that was dropped", hidden: true });
  #map = element("img", { alt: "", class: "heatmap", hidden: true });
  #stage = element("div", { class: "stage" });
  #invite = element("div", { class: "invite" });
  #words = element("p", { class: "faint", role: "status" });
  #camera = button("Start the camera", () => void this.#toggle(), { class: "main" });
  #why = element("input", { type: "checkbox" });
  #strip = element("div", { class: "strip" });
  #model = element("select");
  #modelRow = element("label", {}, "Who answers ", this.#model);
  #wrong = element("div", { class: "wrong" });
  /** @type {import("./answer-bars.js").AnswerBars} */
  #bars = element("answer-bars");
  #canvas = new OffscreenCanvas(1, 1);
  #large = new OffscreenCanvas(1, 1);
  #input = 160;
  #isOn = false;
  /** @type {number[]} */
  #times = [];
  /** @type {Looked[]} */
  #looked = [];
  /** @type {Looked | null} */
  #shown = null;
  #made = "";

  start() {
    this.#invite.append(
      element("p", { class: "strong" }, "Hold something before the camera, or drop a picture"),
      element("p", { class: "faint" }, "The camera's pictures go to this computer's own studio and nowhere else."),
    );
    this.#stage.append(this.#invite, element("div", { class: "stack" }, this.#video, this.#image, this.#map));
    this.#model.onchange = async () => {
      try {
        await api.useModel(this.#model.value);
      } catch (error) {
        failed(error);
      }
      refresh("project", "models");
      if (this.#shown) void this.#ask(this.#shown);
    };
    this.#image.onerror = () => (this.#words.textContent = "This browser cannot show such a picture; the model looks at it all the same");
    this.#bars.addEventListener("why", (event) => {
      const name = /** @type {CustomEvent} */ (event).detail;
      this.#bars.why = this.#bars.why === name ? null : name;
      this.#why.checked = true;
      if (this.#shown && !this.#isOn) void this.#ask(this.#shown);
    });
    this.#why.onchange = () => {
      this.#map.hidden = true;
      this.#bars.why = null;
      if (this.#shown) void this.#ask(this.#shown);
    };
    this.append(
      element("section", { class: "look", "aria-label": "Picture" }, element("h2", {}, "Try it"), this.#stage, element("div", { class: "group" }, this.#camera, button("Choose pictures", () => chooseFiles((files) => this.look(files))), element("label", {}, this.#why, " Show what speaks for it")), this.#words, this.#strip),
      element("section", { class: "says", "aria-label": "Answer" }, element("h3", {}, "It says"), this.#bars, this.#wrong, this.#modelRow),
    );
    this.#idle();
  }

  stop() {
    this.#close();
    for (const { url } of this.#looked) URL.revokeObjectURL(url);
  }

  update() {
    const { project, models } = state;
    const is = JSON.stringify([project?.classes.map(({ name }) => name), project?.model, models?.map(({ name, accuracy }) => [name, accuracy])]);
    if (is !== this.#made) {
      this.#made = is;
      this.#fillModels();
      this.#fillWrong();
    }
    if (!this.#isOn && !this.#shown) this.#idle();
    // The answer may be different by now.
    else if (this.#shown && !this.#isOn) void this.#ask(this.#shown);
  }

  get #explain() {
    return this.#why.checked && (this.#bars.why ?? true);
  }

  #idle() {
    this.#bars.show(null, hasLearned() ? "Nothing to look at yet" : "It has not learned anything yet: give it two classes with some pictures");
  }

  #fillModels() {
    const { models, project } = state;
    const others = (models ?? []).filter(({ name }) => name !== "live");
    this.#modelRow.hidden = others.length === 0;
    this.#model.replaceChildren(
      element("option", { value: "live" }, "the model that learns while you work"),
      ...others.map(({ name }) => element("option", { value: name }, name)),
    );
    this.#model.value = project?.model ?? "live";
  }

  #fillWrong() {
    const classes = state.project?.classes ?? [];
    this.#wrong.hidden = classes.length === 0 || state.project?.readOnly != null;
    replace(
      this.#wrong,
      element("p", {}, "Wrong, or not sure? Say what it is, and it learns this picture:"),
      element("div", { class: "class-buttons" }, classes.map(({ name }) => button(element("span", {}, name), () => void this.#teach(name), { "data-key": `class ${name}` }))),
    );
  }

  async #toggle() {
    if (this.#isOn) return this.#close();
    this.#words.textContent = "";
    try {
      const stream = await openCamera();
      if (!this.isConnected) return stream.getTracks().forEach((track) => track.stop());
      this.#show(null);
      this.#isOn = true;
      this.#video.srcObject = stream;
      await this.#video.play();
      this.#video.hidden = false;
      this.#invite.hidden = true;
      this.#camera.textContent = "Stop the camera";
      void this.#run();
    } catch (error) {
      this.#close();
      this.#words.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  #close() {
    this.#isOn = false;
    closeCamera(this.#video);
    this.#video.hidden = true;
    this.#map.hidden = true;
    this.#invite.hidden = this.#shown !== null;
    this.#camera.textContent = "Start the camera";
    this.#words.textContent = "";
  }

  /** Classifies frame after frame; each when the answer for the previous one has arrived. */
  async #run() {
    this.#times = [];
    while (this.#isOn) {
      await nextFrame(this.#video);
      if (!this.#isOn) break;
      if (!hasFrame(this.#video) || document.hidden) continue;
      const frame = await grab(this.#video, this.#canvas, this.#input, QUALITY);
      const begun = performance.now();
      try {
        const answer = await api.live(frame, this.#explain);
        if (!this.#isOn) break;
        this.#times.push(performance.now() - begun);
        this.#says(answer);
        this.#tell();
      } catch (error) {
        if (!this.#isOn) break;
        this.#bars.show(null, error instanceof Error ? error.message : String(error));
        // There may be no model yet, so do not ask thirty times a second.
        await new Promise((over) => setTimeout(over, 1000));
      }
    }
  }

  /** @param {api.Live} answer */
  #says(answer) {
    this.#input = answer.input ?? this.#input;
    this.#bars.show(answer);
    if (answer.heatmap) this.#map.src = answer.heatmap;
    this.#map.hidden = answer.heatmap === null;
    this.#map.classList.toggle("mirrored", this.#isOn);
  }

  #tell() {
    if (this.#times.length > KEPT_TIMES) this.#times.shift();
    const sorted = [...this.#times].sort((a, b) => a - b);
    const most = sorted[Math.floor(sorted.length * 0.95)];
    this.dataset.p95 = most.toFixed(1);
    this.dataset.frames = String(Number(this.dataset.frames ?? 0) + 1);
    // Not for every frame, since nobody could read it.
    if (this.#times.length % 15 === 1) this.#words.textContent = `Answers within ${Math.ceil(most)} ms`;
  }

  /** Classifies pictures that are dropped, chosen or pasted. @param {import("./files.js").Named[]} files */
  look(files) {
    if (files.length === 0) return;
    if (this.#isOn) this.#close();
    const looked = files.map(({ file }) => ({ file, url: URL.createObjectURL(file), answer: null }));
    this.#looked.unshift(...looked);
    for (const { url } of this.#looked.splice(50)) URL.revokeObjectURL(url);
    this.#show(looked[0]);
    void this.#askAll(looked);
  }

  /** @param {Looked[]} looked */
  async #askAll(looked) {
    for (const one of looked) await this.#ask(one);
  }

  /** @param {Looked | null} looked */
  #show(looked) {
    this.#shown = looked;
    this.#image.hidden = looked === null;
    this.#map.hidden = true;
    this.#invite.hidden = looked !== null || this.#isOn;
    this.#words.textContent = "";
    if (looked) {
      this.#image.src = looked.url;
      this.#image.alt = looked.file.name;
      if (looked.answer) this.#says(looked.answer);
    }
    this.#fillStrip();
  }

  /** @param {Looked} looked */
  async #ask(looked) {
    try {
      looked.answer = await api.live(looked.file, this.#explain);
      if (looked === this.#shown && !this.#isOn) this.#says(looked.answer);
    } catch (error) {
      if (looked === this.#shown && !this.#isOn) this.#bars.show(null, error instanceof Error ? error.message : String(error));
    }
    this.#fillStrip();
  }

  #fillStrip() {
    if (this.#looked.length < 2) return this.#strip.replaceChildren();
    replace(
      this.#strip,
      this.#looked.map((looked) => {
        const { answer } = looked;
        const words = answer ? (answer.unknown ? "unknown" : (answer.label ?? "")) : "…";
        return button([element("img", { src: looked.url, alt: "" }), element("span", {}, words)], () => this.#show(looked), {
          class: "thumb labelled",
          "aria-label": `${looked.file.name}: ${words}`,
          "aria-pressed": String(looked === this.#shown),
          "data-key": looked.url,
        });
      }),
    );
  }

  /** Adds the current frame or picture to a class. @param {string} name */
  async #teach(name) {
    if (this.#isOn && hasFrame(this.#video)) {
      const frame = await grab(this.#video, this.#large, SHORTER, 0.92);
      const file = new File([frame], `camera ${Date.now()}.jpg`, { type: "image/jpeg" });
      await send([{ name: file.name, file }], name);
    } else if (this.#shown) await send([{ name: this.#shown.file.name, file: this.#shown.file }], name);
  }
}
customElements.define("panel-live", PanelLive);
