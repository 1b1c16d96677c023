// The camera beside a class. It takes pictures as long as the button is held.

import { button, element, plural } from "./dom.js";
import { closeCamera, grab, hasFrame, openCamera } from "./camera.js";
import { send } from "./files.js";
import { failed, state } from "./store.js";

const EACH_MS = 100;
const SHORTER = 480;
const QUALITY = 0.92;
const COUNTDOWN = 3;
const BY_ITSELF_MS = 3000;

class CameraRecorder extends HTMLElement {
  #video = element("video", { playsinline: true, muted: true, "aria-label": "What the camera sees" });
  #hold = element("button", { type: "button", class: "main hold", disabled: true }, "Hold to record");
  #self = button("Record 3 seconds", () => void this.#byItself(), { disabled: true });
  #words = element("p", { role: "status" });
  #canvas = new OffscreenCanvas(1, 1);
  #isRecording = false;
  #isOpen = false;
  #taken = 0;

  connectedCallback() {
    if (this.firstChild) return;
    this.#video.muted = true;
    this.append(
      this.#video,
      element(
        "div",
        { class: "recorder-tools" },
        this.#hold,
        this.#self,
        button("Close camera", () => this.dispatchEvent(new Event("close")), { class: "quiet" }),
        this.#words,
      ),
    );
    const hold = this.#hold;
    hold.onpointerdown = (/** @type {PointerEvent} */ event) => {
      hold.setPointerCapture(event.pointerId);
      void this.#record();
    };
    hold.onpointerup = hold.onpointercancel = () => void this.#end();
    hold.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) void this.#record();
    };
    hold.onkeyup = hold.onblur = () => void this.#end();
    hold.oncontextmenu = (/** @type {Event} */ event) => event.preventDefault();
  }

  disconnectedCallback() {
    this.close();
  }

  /** Shows which class is recorded. @param {string | null} name */
  name(name) {
    this.#hold.textContent = name === null ? "Hold to record" : `Hold to record ${name}`;
  }

  async open() {
    this.#isOpen = true;
    this.#words.textContent = "";
    try {
      const stream = await openCamera();
      if (!this.#isOpen) return void stream.getTracks().forEach((track) => track.stop());
      this.#video.srcObject = stream;
      await this.#video.play();
      this.#hold.disabled = this.#self.disabled = false;
      this.#hold.focus();
      this.#words.textContent = "Turn it, move it nearer and farther: it learns from what differs.";
    } catch (error) {
      this.#words.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  close() {
    this.#isOpen = false;
    void this.#end();
    closeCamera(this.#video);
    this.#hold.disabled = this.#self.disabled = true;
  }

  async #byItself() {
    this.#self.disabled = true;
    for (let second = COUNTDOWN; second > 0 && this.#isOpen; second -= 1) {
      this.#words.textContent = `Recording starts in ${second}`;
      await new Promise((over) => setTimeout(over, 1000));
    }
    if (!this.#isOpen) return;
    setTimeout(() => void this.#end(), BY_ITSELF_MS);
    await this.#record();
    this.#self.disabled = !this.#isOpen;
  }

  async #record() {
    if (this.#isRecording || !hasFrame(this.#video)) return;
    this.#isRecording = true;
    this.#taken = 0;
    const into = state.shown ?? null;
    this.#hold.classList.add("on");
    const begun = stamp();
    /** @type {import("./files.js").Named[]} */
    const frames = [];
    try {
      while (this.#isRecording) {
        const next = performance.now() + EACH_MS;
        const frame = await grab(this.#video, this.#canvas, SHORTER, QUALITY);
        this.#taken += 1;
        const name = `camera ${begun} ${String(this.#taken).padStart(3, "0")}.jpg`;
        frames.push({ name, file: new File([frame], name, { type: "image/jpeg" }) });
        this.#words.textContent = plural(this.#taken, "picture");
        await new Promise((over) => setTimeout(over, Math.max(0, next - performance.now())));
      }
    } catch (error) {
      failed(error);
    }
    await this.#send(frames, into);
  }

  #end() {
    this.#isRecording = false;
    this.#hold.classList.remove("on");
  }

  /** @param {import("./files.js").Named[]} frames @param {string | null} into */
  async #send(frames, into) {
    const left = await send(frames, into);
    if (left.length === 0) return;
    // The frames are kept until they have arrived.
    const again = button("Try again", () => {
      again.disabled = true;
      void this.#send(left, into);
    });
    this.#words.replaceChildren(`${plural(left.length, "picture")} could not be saved `, again);
  }
}
customElements.define("camera-recorder", CameraRecorder);

/** The time as a part of a file name. */
function stamp() {
  const now = new Date();
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} ${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
