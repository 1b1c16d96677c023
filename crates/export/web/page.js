// The page around the model: classifies pictures that are dropped, chosen, pasted or taken by the camera.

const { load, pixelsOf, decoded, joined } = globalThis.headstart;
const SHOWN = 5;
// The longer side of a picture on the page.
const SIDE = 640;
// The share of the heatmap's colour in a pixel; the rest is the picture's luminance.
const TINT = 0.6;
const FADED = 0.7;
const COLOURS = [[20, 12, 60], [92, 22, 124], [200, 46, 96], [247, 140, 44], [255, 236, 140]];

const by = (id) => document.getElementById(id);
const cards = [];
let model;
let stream;

async function start() {
  const began = performance.now();
  try {
    model = await load({ read });
  } catch (error) {
    by("state").className = "problem";
    by("state").textContent = `This browser cannot run the classifier (${error.message}): it needs WebAssembly with SIMD.`;
    return;
  }
  by("state").textContent = "Ready. Pictures stay on this device.";
  by("state").dataset.milliseconds = String(Math.round(performance.now() - began));
  by("files").disabled = false;
  by("camera").disabled = !navigator.mediaDevices?.getUserMedia;
  by("camera").hidden = by("camera").disabled;
  by("explaining").hidden = false;
}

/** Reads a part of the page, and removes its element, which is no longer needed. */
async function read(name) {
  const element = by(name);
  const packed = new Blob([decoded(element.textContent)]);
  element.remove();
  const unpacked = packed.stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(unpacked).arrayBuffer();
  return name === "weights.wasm" ? joined(new Uint8Array(bytes)) : bytes;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

async function add(files) {
  if (!model) return;
  for (const file of files) {
    const card = element("li", { class: "card" }, element("p", {}, file.name || "picture"));
    by("cards").prepend(card);
    by("clear").hidden = false;
    try {
      await show(card, file, file.name || "picture");
    } catch (error) {
      const why = error instanceof DOMException ? "this browser cannot read it as a picture" : error.message;
      card.append(element("p", { class: "problem" }, why));
    }
  }
}

async function show(card, picture, name) {
  const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image" });
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = element("canvas", { role: "img", "aria-label": name });
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  const size = [bitmap.width, bitmap.height];
  bitmap.close();
  // No other prediction may come between the answer and its heatmap.
  const answer = model.predictImageData(await pixelsOf(picture));
  const map = model.heatmap(answer.scores[0].label);
  const own = { context, pixels, map, size };
  cards.push(own);
  draw(own);
  card.replaceChildren(canvas, ...answered(answer), element("p", {}, name));
}

function answered(answer) {
  const labels = answer.labels ?? (answer.label === null ? [] : [answer.label]);
  const headline = answer.unknown ? "Unknown: none of the classes" : labels.join(", ") || "None of the labels";
  const scores = element("dl", { class: "scores" });
  for (const { label, score } of answer.scores.slice(0, SHOWN)) {
    const fill = element("i");
    fill.style.width = `${100 * score}%`;
    const bar = element("dd", { class: "bar", "aria-hidden": "true" }, fill);
    const share = `${Math.round(100 * score)} %`;
    scores.append(element("dt", { title: label }, label), bar, element("dd", {}, share));
  }
  const closest = answer.unknown ? [element("p", {}, "If it were one of them:")] : [];
  return [element("h2", {}, headline), ...closest, scores];
}

/** Draws the picture, with the heatmap of the first class if it is requested. */
function draw({ context, pixels, map, size }) {
  if (!by("explain").checked) {
    context.putImageData(pixels, 0, 0);
    return;
  }
  const { width, height } = pixels;
  const shown = new ImageData(new Uint8ClampedArray(pixels.data), width, height);
  const columns = places(width, map.width, 0, size);
  const rows = places(height, map.height, 1, size);
  const largest = Math.max(0, ...map.values);
  const at = (row, column) => map.values[row * map.width + column];
  const mixed = ({ share }, first, second) => first * (1 - share) + second * share;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const data = shown.data.subarray(4 * (y * width + x));
      const light = 0.299 * data[0] + 0.587 * data[1] + 0.114 * data[2];
      const [row, column] = [rows[y], columns[x]];
      let [over, share] = [[255, 255, 255], FADED];
      if (row && column) {
        const line = (index) => mixed(column, at(index, column.first), at(index, column.second));
        const value = mixed(row, line(row.first), line(row.second));
        [over, share] = [colour(largest > 0 ? value / largest : 0), TINT];
      }
      for (let channel = 0; channel < 3; channel += 1) {
        data[channel] = light * (1 - share) + over[channel] * share;
      }
    }
  }
  context.putImageData(shown, 0, 0);
}

/** For each pixel of a line, the cells of the map on either side of it; null if the model does not see the pixel. */
function places(pixels, cells, axis, size) {
  const input = [model.size.width, model.size.height];
  const { fit } = model.description.preprocessing;
  const [zoomX, zoomY] = [input[0] / size[0], input[1] / size[1]];
  const zoom = fit === "crop" ? Math.max(zoomX, zoomY) : Math.min(zoomX, zoomY);
  // The length of the whole picture in pixels of the input.
  const filled = fit === "stretch" ? input[axis] : size[axis] * zoom;
  const first = (input[axis] - filled) / 2;
  return Array.from({ length: pixels }, (_, pixel) => {
    const place = first + ((pixel + 0.5) / pixels) * filled;
    if (place < 0 || place > input[axis]) return null;
    const cell = Math.min(Math.max((place / input[axis]) * cells - 0.5, 0), cells - 1);
    const before = Math.floor(cell);
    return { first: before, second: Math.min(before + 1, cells - 1), share: cell - before };
  });
}

function colour(value) {
  const at = Math.min(Math.max(value, 0), 1) * (COLOURS.length - 1);
  const below = Math.min(Math.floor(at), COLOURS.length - 2);
  const share = at - below;
  return COLOURS[below].map((level, channel) => level * (1 - share) + COLOURS[below + 1][channel] * share);
}

async function startCamera() {
  let own;
  try {
    own = stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    by("state").textContent = `The camera cannot be used: ${error.message}`;
    return;
  }
  by("camera").hidden = true;
  by("live").hidden = false;
  by("video").srcObject = stream;
  await by("video").play();
  by("keep").focus();
  // Until the camera is stopped, even if it is started again.
  while (stream === own) {
    try {
      if (by("video").videoWidth > 0) {
        by("live-answer").replaceChildren(...answered(await model.predict(by("video"))));
      }
    } catch (error) {
      by("state").textContent = `The camera's pictures cannot be read: ${error.message}`;
      return stopCamera();
    }
    await new Promise((over) => setTimeout(over, 100));
  }
}

function stopCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  by("video").srcObject = null;
  by("live").hidden = true;
  by("camera").hidden = false;
  by("camera").focus();
}

async function keep() {
  const video = by("video");
  if (video.videoWidth === 0) return;
  const canvas = element("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const picture = await new Promise((done) => canvas.toBlob(done));
  await add([Object.assign(picture, { name: `camera, ${new Date().toLocaleTimeString()}` })]);
}

const drop = by("drop");
by("files").onchange = async (event) => {
  const files = [...event.target.files];
  // Lets the same file be chosen again.
  event.target.value = "";
  await add(files);
};
by("files").onkeydown = (event) => {
  if (event.key === "Enter") event.target.click();
};
by("explain").onchange = () => cards.forEach(draw);
by("clear").onclick = () => {
  cards.length = 0;
  by("cards").replaceChildren();
  by("clear").hidden = true;
  by("files").focus();
};
by("camera").onclick = startCamera;
by("stop").onclick = stopCamera;
by("keep").onclick = keep;
// Accepts drops anywhere on the page: the browser would open files that are dropped outside the field.
document.ondragover = (event) => {
  event.preventDefault();
  drop.classList.add("over");
};
document.ondragleave = (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
};
document.ondrop = async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  await add([...(event.dataTransfer?.files ?? [])]);
};
document.onpaste = (event) => add([...(event.clipboardData?.files ?? [])]);
await start();
