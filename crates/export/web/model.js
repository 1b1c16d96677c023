// A classifier that headstart compiled to WebAssembly. It runs locally, and sends nothing anywhere.

// The smallest module with a fused multiply-add of relaxed SIMD; it is valid only if the engine supports that.
const RELAXED = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15,
  65, 0, 253, 15, 253, 133, 2, 11,
]);
// Pictures with more pixels are reduced, since not all browsers support a larger canvas.
const MOST_PIXELS = 16_000_000;

/**
 * Loads the model, from the files beside this one or with `read`, a function from a file's name to its bytes.
 */
export async function load({ read = readBeside } = {}) {
  const functions = WebAssembly.validate(RELAXED) ? "relaxed.wasm" : "simd.wasm";
  const [weights, code] = await Promise.all(
    ["weights.wasm", functions].map(async (name) => WebAssembly.compile(await read(name))),
  );
  const { exports: memory } = await WebAssembly.instantiate(weights);
  const { exports } = await WebAssembly.instantiate(code, { weights: memory });
  exports.prepare();
  return new Model(exports, memory.memory);
}

// Written out, so that bundlers detect the files that this one needs.
const BESIDE = {
  "weights.wasm": () => new URL("./weights.wasm", import.meta.url),
  "relaxed.wasm": () => new URL("./relaxed.wasm", import.meta.url),
  "simd.wasm": () => new URL("./simd.wasm", import.meta.url),
};

async function readBeside(name) {
  const url = BESIDE[name]();
  if (url.protocol === "file:") {
    const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ "node:fs/promises");
    return readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

export class Model {
  #wasm;
  #memory;

  constructor(wasm, memory) {
    this.#wasm = wasm;
    this.#memory = memory;
  }

  /** Names of the classes. */
  get classes() {
    return MODEL.classes;
  }

  /** The description of the model, as in every exported file. */
  get description() {
    return MODEL.description;
  }

  /** Width and height of the pictures that the network takes. */
  get size() {
    const { width, height } = MODEL;
    return { width, height };
  }

  /** Classifies a picture: a file, or anything that can be drawn. */
  async predict(picture) {
    return this.predictImageData(await pixelsOf(picture));
  }

  /** Classifies RGBA pixels of any size, synchronously. */
  predictImageData({ data, width, height }) {
    const isWhole = [width, height].every((side) => Number.isInteger(side) && side > 0);
    if (!isWhole || data.length !== 4 * width * height) {
      throw new RangeError(`${data.length} bytes are no picture of ${width} x ${height} RGBA pixels`);
    }
    // Intermediate results of resizing must fit into 32-bit memory, too.
    const values = Math.max(width * height, MODEL.width * height, width * MODEL.height);
    if (values > 2 ** 27) throw new RangeError(`a picture of ${width} x ${height} pixels is too large`);
    try {
      this.#wasm.reserve(width, height);
    } catch {
      throw new RangeError(`there is no memory for a picture of ${width} x ${height} pixels`);
    }
    new Uint8Array(this.#memory.buffer, this.#wasm.heap.value, data.length).set(data);
    this.#wasm.resize(width, height);
    return this.#run();
  }

  /** Classifies u8 RGB pixels at the size of the network's input. */
  predictPixels(pixels) {
    const own = this.pixels();
    if (pixels.length !== own.length) {
      throw new RangeError(`${pixels.length} bytes are no picture of ${MODEL.width} x ${MODEL.height} RGB pixels`);
    }
    own.set(pixels);
    return this.#run();
  }

  /** The network's last input, u8 RGB: a view, which is valid until the next prediction. */
  pixels() {
    return new Uint8Array(this.#memory.buffer, this.#wasm.picture.value, MODEL.width * MODEL.height * 3);
  }

  /** How much each position of the last picture contributes to a class, row by row. */
  heatmap(label) {
    const at = MODEL.classes.indexOf(label);
    if (at < 0) throw new RangeError(`there is no class ${label}`);
    const [height, width] = MODEL.map;
    this.#wasm.explain(at);
    const values = this.#floats("heatmap", height * width);
    return { label, width, height, values };
  }

  #run() {
    this.#wasm.run();
    const probabilities = this.#floats("probabilities", MODEL.classes.length);
    const scores = MODEL.classes.map((label, at) => ({ label, score: probabilities[at] }));
    const answer = {};
    if (MODEL.unknown !== null) {
      answer.unknownScore = this.#floats("unknown", 1)[0];
      // Also true if the score is NaN.
      answer.unknown = !(answer.unknownScore <= MODEL.unknown);
    }
    if (MODEL.thresholds) {
      const said = scores.filter(({ score }, at) => score >= MODEL.thresholds[at] && !answer.unknown);
      answer.labels = said.sort((a, b) => b.score - a.score).map(({ label }) => label);
    }
    answer.scores = scores.sort((a, b) => b.score - a.score);
    if (!MODEL.thresholds) {
      const [first] = answer.scores;
      answer.label = answer.unknown ? null : first.label;
      answer.score = answer.unknown ? null : first.score;
    }
    return answer;
  }

  #floats(name, count) {
    return new Float32Array(this.#memory.buffer, this.#wasm[name].value, count).slice();
  }
}

/** The RGBA pixels of the whole picture, upright; reduced above MOST_PIXELS. */
export async function pixelsOf(picture) {
  if (picture && picture.data && picture.width) return picture;
  if (typeof createImageBitmap === "undefined") {
    throw new TypeError("there is nothing here that decodes pictures, as browsers do: give { data, width, height }, RGBA");
  }
  let drawn = picture;
  if (picture instanceof Blob) {
    const options = { imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none" };
    drawn = await createImageBitmap(picture, options);
  } else if (typeof HTMLImageElement !== "undefined" && picture instanceof HTMLImageElement) {
    await picture.decode();
  }
  let width = drawn.naturalWidth || drawn.videoWidth || drawn.displayWidth || drawn.width;
  let height = drawn.naturalHeight || drawn.videoHeight || drawn.displayHeight || drawn.height;
  const reduced = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  [width, height] = [width, height].map((side) => Math.max(1, Math.floor(side * reduced)));
  const canvas = typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(width, height);
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(drawn, 0, 0, width, height);
  if (drawn !== picture) drawn.close();
  return context.getImageData(0, 0, width, height);
}
