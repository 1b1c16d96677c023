// Measures the studio and @teachablemachine/image alternately in the same Chromium, from 900 pictures in three classes
// to the first answer: `compare.mjs --headstart BIN [--rounds N] [--only NAME] PHOTOGRAPHS`. PHOTOGRAPHS is a folder of
// JPEGs.

import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import puppeteer from "puppeteer-core";

const HERE = import.meta.dirname;
const CLASSES = ["one", "two", "three"];
const EACH = 300;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { headstart: { type: "string" }, rounds: { type: "string", default: "3" }, only: { type: "string" } },
});
const [source] = positionals;
const pictures = join(tmpdir(), "headstart-studio-pictures");
// Returns an empty text for processes that have ended meanwhile.
const read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

const TYPES = { ".js": "text/javascript", ".html": "text/html", ".wasm": "application/wasm", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".json": "application/json" };

const server = createServer((request, response) => {
  const path = decodeURIComponent(request.url.slice(1));
  const [first, ...rest] = path.split("/");
  let file = join(HERE, path);
  if (first === "pictures") file = join(pictures, ...rest);
  if (first === "source") file = join(source, ...rest);
  if (path.endsWith(".html")) {
    const published = path.startsWith("published");
    const scripts = published ? ["tfjs-published/dist/tf.min.js"] : ["@tensorflow/tfjs/dist/tf.min.js", "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js"];
    scripts.push("@teachablemachine/image/dist/teachablemachine-image.min.js");
    response.setHeader("Content-Type", "text/html");
    return response.end(`<!doctype html>${scripts.map((name) => `<script src="/node_modules/${name}"></script>`).join("")}<script src="/peer.js"></script>`);
  }
  if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
  response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
  createReadStream(file).pipe(response);
}).listen(0, "127.0.0.1");
await new Promise((listening) => server.once("listening", listening));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = () => puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"], protocolTimeout: 900_000 });

/** Three classes of 300 JPEGs of 500x375 pixels: crops of the photographs, a third of them for each. */
async function makePictures() {
  if (existsSync(join(pictures, CLASSES[2], `${EACH - 1}.jpg`))) return;
  const names = readdirSync(source).filter((name) => /\.jpe?g$/i.test(name)).sort();
  const chromium = await browser();
  const page = await chromium.newPage();
  await page.goto(`${origin}/published.html`);
  for (const [index, name] of CLASSES.entries()) {
    mkdirSync(join(pictures, name), { recursive: true });
    const own = names.filter((_, place) => Math.floor((place * CLASSES.length) / names.length) === index);
    for (let count = 0; count < EACH; count += 1) {
      const url = `/source/${encodeURIComponent(own[count % own.length])}`;
      const data = await page.evaluate(
        async (url, seed) => {
          const bitmap = await createImageBitmap(await (await fetch(url)).blob());
          const canvas = new OffscreenCanvas(500, 375);
          const part = 0.6 + 0.4 * ((seed * 0.618) % 1);
          const scale = Math.min(bitmap.width / 500, bitmap.height / 375) * part;
          const [left, top] = [(bitmap.width - 500 * scale) * ((seed * 0.414) % 1), (bitmap.height - 375 * scale) * ((seed * 0.732) % 1)];
          canvas.getContext("2d").drawImage(bitmap, left, top, 500 * scale, 375 * scale, 0, 0, 500, 375);
          const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })).arrayBuffer());
          let text = "";
          for (const byte of bytes) text += String.fromCharCode(byte);
          return btoa(text);
        },
        url,
        count + 1,
      );
      writeFileSync(join(pictures, name, `${count}.jpg`), Buffer.from(data, "base64"));
    }
  }
  await chromium.close();
}

async function teachable(page, backend) {
  const chromium = await browser();
  const tab = await chromium.newPage();
  await tab.goto(`${origin}/${page}.html`);
  const classes = Object.fromEntries(CLASSES.map((name) => [name, Array.from({ length: EACH }, (_, index) => `${origin}/pictures/${name}/${index}.jpg`)]));
  const result = await tab.evaluate((classes, backend) => window.teachable(classes, backend), classes, backend);
  result.processor = processor(chromium.process().pid);
  await chromium.close();
  return result;
}

/** A process and its descendants. */
function tree(pid) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const parent = /^PPid:\s+(\d+)/m.exec(read(`/proc/${name}/status`))?.[1];
    if (parent) parents.set(Number(name), Number(parent));
  }
  const isBelow = (one) => one === pid || (parents.has(one) && isBelow(parents.get(one)));
  return [...parents.keys()].filter(isBelow);
}

/** Proportional set size of a process and its descendants, in MB. */
const memory = (pid) => tree(pid).reduce((sum, one) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${one}/smaps_rollup`))?.[1] ?? 0), 0) / 1000;

/** Processor time of processes and their descendants, in seconds; other load on the machine does not affect it. */
const processor = (...pids) =>
  pids.flatMap(tree).reduce((sum, one) => {
    const fields = read(`/proc/${one}/stat`).split(") ")[1]?.split(" ") ?? [];
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }, 0) / 100;

/** Measures from the drop of a folder with three classes to the first answer, and again after a picture was moved. */
async function studio() {
  const place = mkdtempSync(join(tmpdir(), "headstart-studio-"));
  const process = spawn(values.headstart, ["studio", "--no-open", join(place, "project")], { env: { ...globalThis.process.env, HEADSTART_CACHE: join(place, "cache") } });
  let url = null;
  for await (const line of createInterface(process.stdout)) if ((url = /http:\S+/.exec(line)?.[0])) break;
  const chromium = await browser();
  const tab = await chromium.newPage();
  await tab.setViewport({ width: 1400, height: 900 });
  await tab.goto(url);
  await tab.waitForSelector("start-here");
  // Answers count once the model has been trained on all pictures.
  await tab.evaluate(() => {
    window.answered = async (pictures, after) => {
      for (;;) {
        const learned = await (await fetch("/api/learned")).json();
        // The head is available before its figures.
        if (learned && learned.pictures >= pictures && learned.revision > after) {
          const project = await (await fetch("/api/project")).json();
          const [first] = await (await fetch(`/api/pictures?class=${project.classes[0].name}`)).json();
          const body = await (await fetch(`/api/picture?path=${encodeURIComponent(first.path)}`)).blob();
          const answer = await (await fetch("/api/live", { method: "POST", body })).json();
          if (answer.label) return { revision: learned.revision, path: first.path, accuracy: learned.accuracy };
        }
        await new Promise((over) => setTimeout(over, 100));
      }
    };
  });
  const session = await tab.createCDPSession();
  const data = { items: [], files: CLASSES.map((name) => join(pictures, name)), dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver"]) await session.send("Input.dispatchDragEvent", { type, x: 700, y: 500, data });
  const before = processor(chromium.process().pid, process.pid);
  const begun = performance.now();
  await session.send("Input.dispatchDragEvent", { type: "drop", x: 700, y: 500, data });
  const first = await tab.evaluate((all) => window.answered(all, -1), CLASSES.length * EACH);
  const total = (performance.now() - begun) / 1000;
  const used = processor(chromium.process().pid, process.pid) - before;
  const changed = await tab.evaluate(
    async (path, revision, all) => {
      const from = performance.now();
      await fetch("/api/actions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ do: "move", paths: [path], to: "two" }) });
      await window.answered(all, revision);
      return (performance.now() - from) / 1000;
    },
    first.path,
    first.revision,
    CLASSES.length * EACH,
  );
  const frame = await tab.evaluate(async () => {
    const canvas = new OffscreenCanvas(213, 160);
    canvas.getContext("2d").fillRect(40, 40, 90, 60);
    const times = [];
    for (let count = 0; count < 60; count += 1) {
      const from = performance.now();
      const body = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
      await (await fetch("/api/live", { method: "POST", body })).json();
      times.push(performance.now() - from);
    }
    return times.sort((a, b) => a - b)[57];
  });
  const megabytes = memory(chromium.process().pid) + memory(process.pid);
  await chromium.close();
  process.kill();
  rmSync(place, { recursive: true, force: true });
  return { total, changed, frame, megabytes, processor: used, accuracy: first.accuracy };
}

await makePictures();
const runs = {
  studio: () => studio(),
  "teachable, as published (TensorFlow.js 1.3.1, WebGL)": () => teachable("published", "webgl"),
  "teachable on TensorFlow.js 4.22, WASM with SIMD": () => teachable("current", "wasm"),
};
const results = {};
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const [name, run] of Object.entries(runs)) {
    if (values.only && !name.includes(values.only)) continue;
    const result = await run();
    console.error(round + 1, name, JSON.stringify(result));
    (results[name] ??= []).push(result);
  }
}
for (const [name, list] of Object.entries(results)) {
  const figures = Object.keys(list[0]).filter((key) => typeof list[0][key] === "number");
  console.log(`${name}: ${figures.map((key) => `${key} ${median(list.map((one) => one[key])).toFixed(2)} (${Math.min(...list.map((one) => one[key])).toFixed(2)} to ${Math.max(...list.map((one) => one[key])).toFixed(2)})`).join(", ")}`);
}
server.close();
