"use strict";

// Sends pictures that are dropped, chosen or pasted to the server, and shows its answers.

const SHOWN = 5;
// The number of simultaneous requests; more would only wait in the server's queue.
const AT_ONCE = 4;

const by = (id) => document.getElementById(id);
const waiting = [];
let running = 0;

async function loadModels() {
  try {
    const models = await (await request("/models")).json();
    for (const { name } of models) by("model").append(element("option", { value: name }, name));
    by("models").hidden = models.length < 2;
    const words = models.map(({ name, classes }) => `${name}: ${classes.length} classes`);
    by("about").textContent = words.join(", ");
  } catch (error) {
    by("about").textContent = `The server does not respond (${error.message})`;
  }
}

function add(files) {
  for (const file of files) {
    const card = element("li", { class: "card" }, element("p", {}, file.name));
    by("cards").prepend(card);
    waiting.push({ file, card, model: by("model").value, explain: by("explain").checked });
  }
  by("clear").hidden = by("cards").childElementCount === 0;
  while (running < AT_ONCE && waiting.length > 0) run();
}

async function run() {
  running += 1;
  for (let next; (next = waiting.shift()); ) await ask(next);
  running -= 1;
}

async function ask({ file, card, model, explain }) {
  const query = explain ? "?explain=1" : "";
  const path = model ? `/models/${encodeURIComponent(model)}/predict` : "/predict";
  try {
    const response = await request(path + query, {
      method: "POST",
      body: file,
      headers: { "Content-Type": "application/octet-stream" },
    });
    if (response.status === 503) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      await new Promise((over) => setTimeout(over, seconds * 1000));
      return await ask({ file, card, model, explain });
    }
    show(card, file, await response.json());
  } catch (error) {
    show(card, file, { error: error.message });
  }
}

function show(card, file, answer) {
  card.replaceChildren();
  if (answer.error) {
    card.append(element("p", {}, file.name), element("p", { class: "problem" }, answer.error));
    return;
  }
  const heatmap = Object.values(answer.heatmaps ?? {})[0];
  const image = element("img", { alt: file.name });
  const url = heatmap ? `data:image/png;base64,${heatmap}` : URL.createObjectURL(file);
  image.onload = image.onerror = () => URL.revokeObjectURL(url);
  image.src = url;
  const labels = answer.labels ?? (answer.label === null ? [] : [answer.label]);
  const headline = labels.join(", ") || (answer.unknown ? "unknown: none of the classes" : "no label");
  const scores = element("dl", { class: "scores" });
  for (const [name, score] of Object.entries(answer.scores).slice(0, SHOWN)) {
    const fill = element("i");
    // Set by script, since the page's content security policy forbids style attributes.
    fill.style.width = `${100 * score}%`;
    const bar = element("dd", { class: "bar", "aria-hidden": "true" }, fill);
    scores.append(element("dt", { title: name }, name), bar, element("dd", {}, score.toFixed(3)));
  }
  card.append(image, element("h2", {}, headline), element("p", {}, file.name), scores);
}

function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

const drop = by("drop");
by("files").onchange = (event) => {
  add([...event.target.files]);
  // Lets the same file be chosen again.
  event.target.value = "";
};
by("files").onkeydown = (event) => {
  if (event.key === "Enter") event.target.click();
};
by("clear").onclick = () => {
  waiting.length = 0;
  by("cards").replaceChildren();
  by("clear").hidden = true;
};
// Accepts drops anywhere on the page: the browser would open files that are dropped outside the field.
document.ondragover = (event) => {
  event.preventDefault();
  drop.classList.add("over");
};
document.ondragleave = (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
};
document.ondrop = (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  add(filesOf(event.dataTransfer));
};
document.onpaste = (event) => add(filesOf(event.clipboardData));
loadModels();
