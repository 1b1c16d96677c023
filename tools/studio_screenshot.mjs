// Makes the README's picture of the studio: `node tools/studio_screenshot.mjs [OUT.webp]`. Needs the command (HEADSTART
// names it; by default target/release/headstart), Chromium (CHROMIUM names one) and node, but no npm packages. The
// pictures shown in the studio are drawn by this script.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "..");
const out = process.argv[2] ?? join(root, "docs/studio.webp");
const place = mkdtempSync(join(tmpdir(), "headstart-screenshot-"));

/** Runs in the page: draws pictures of fruit, and sends them to the studio's server. */
async function fill() {
  let seed = 7;
  const random = (from = 0, to = 1) => {
    seed = (seed * 16807) % 2147483647;
    return from + ((to - from) * seed) / 2147483647;
  };
  const pick = (list) => list[Math.floor(random(0, list.length))];
  const grounds = [["#f3efe6", "#d9cdb8"], ["#e8eef2", "#b9c8d3"], ["#efe9f2", "#cabfd3"], ["#e9f1e6", "#bccfb4"], ["#4a4f57", "#2b2f36"], ["#8a6a4c", "#5d4530"]];

  /** @param {(context: any) => void} object */
  const picture = (object) => {
    const canvas = new OffscreenCanvas(400, 400);
    const context = canvas.getContext("2d");
    const [light, dark] = pick(grounds);
    const ground = context.createLinearGradient(0, 0, random(0, 200), 400);
    ground.addColorStop(0, light);
    ground.addColorStop(1, dark);
    context.fillStyle = ground;
    context.fillRect(0, 0, 400, 400);
    context.translate(random(170, 230), random(180, 235));
    context.rotate(random(-0.5, 0.5));
    context.scale(...Array(2).fill(random(0.8, 1.25)));
    context.shadowColor = "rgb(0 0 0 / 35%)";
    context.shadowBlur = 24;
    context.shadowOffsetY = 14;
    object(context);
    return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  };
  const ball = (context, x, y, radius, [light, middle, dark]) => {
    const shade = context.createRadialGradient(x - radius / 3, y - radius / 3, radius / 8, x, y, radius * 1.05);
    shade.addColorStop(0, light);
    shade.addColorStop(0.5, middle);
    shade.addColorStop(1, dark);
    context.fillStyle = shade;
    context.beginPath();
    context.ellipse(x, y, radius, radius * 0.97, 0, 0, 7);
    context.fill();
  };
  const line = (context, colour, width, ...points) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(points[0], points[1]);
    context.quadraticCurveTo(...points.slice(2));
    context.stroke();
  };
  const leaf = (context, x, y, size) => {
    context.fillStyle = pick(["#4f8f3a", "#6aa84f", "#3c7a34"]);
    context.beginPath();
    context.moveTo(x, y);
    context.quadraticCurveTo(x + size * 0.4, y - size * 0.7, x + size, y - size * 0.4);
    context.quadraticCurveTo(x + size * 0.7, y + size * 0.2, x, y);
    context.fill();
  };
  const fruit = {
    Apple: (context) => {
      const colours = pick([["#ff9d8a", "#d4342c", "#7d1519"], ["#f9b3a0", "#c9282e", "#6d1017"], ["#e3f0a0", "#9dbf3b", "#55761b"], ["#fbe79a", "#e0a33a", "#93541a"]]);
      const shade = context.createRadialGradient(-34, -30, 10, 0, 4, 118);
      for (const [index, colour] of colours.entries()) shade.addColorStop(index / 2, colour);
      context.fillStyle = shade;
      context.beginPath();
      context.moveTo(0, -62);
      context.bezierCurveTo(40, -100, 116, -72, 108, 8);
      context.bezierCurveTo(102, 72, 44, 112, 0, 84);
      context.bezierCurveTo(-44, 112, -102, 72, -108, 8);
      context.bezierCurveTo(-116, -72, -40, -100, 0, -62);
      context.fill();
      context.shadowColor = "transparent";
      line(context, "#5b3d22", 9, 0, -56, 2, -88, 14, -106);
      leaf(context, 6, -78, 62);
    },
    Banana: (context) => {
      context.scale(1.25, 1.25);
      const shade = context.createLinearGradient(0, -40, 0, 90);
      for (const [index, colour] of pick([["#fff0a0", "#f4cf3c", "#c79a1d"], ["#f7f3a5", "#d9d34a", "#98a02e"], ["#ffe680", "#eebf2a", "#a9781a"]]).entries()) shade.addColorStop(index / 2, colour);
      context.fillStyle = shade;
      context.beginPath();
      context.moveTo(-104, -58);
      context.bezierCurveTo(-90, 40, 30, 110, 112, 34);
      context.bezierCurveTo(104, 22, 102, 18, 96, 12);
      context.bezierCurveTo(30, 42, -50, 10, -88, -64);
      context.fill();
      context.shadowColor = "transparent";
      line(context, "#5a4a1c", 11, -97, -60, -98, -66, -100, -76);
      line(context, "#5a4a1c", 9, 104, 24, 107, 26, 108, 28);
      line(context, "rgb(120 90 10 / 35%)", 3, -92, -44, -40, 46, 88, 28);
    },
    Cherry: (context) => {
      const colours = pick([["#ff8a94", "#b3122e", "#4f0516"], ["#ff7a7a", "#d11a2a", "#6a0714"], ["#d9708a", "#7d1030", "#330414"]]);
      line(context, "#5f7a35", 7, -56, 10, -40, -80, 24, -118);
      line(context, "#5f7a35", 7, 56, 34, 60, -60, 24, -118);
      leaf(context, 24, -112, 74);
      ball(context, -60, 48, 52, colours);
      ball(context, 58, 68, 52, colours);
    },
  };
  const send = async (name, each, into) => {
    const body = new FormData();
    for (let index = 1; index <= each; index += 1) {
      const drawn = fruit[name] ? name : pick(Object.keys(fruit));
      body.append("file", await picture(fruit[drawn]), `${name.toLowerCase()} ${String(index).padStart(2, "0")}.jpg`);
    }
    await fetch(`/api/upload${into ? `?class=${name}` : ""}`, { method: "POST", body });
  };
  for (const name of Object.keys(fruit)) {
    await fetch("/api/actions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ do: "addClass", name }) });
  }
  await send("Apple", 48, true);
  await send("Banana", 36, true);
  await send("Cherry", 24, true);
  await send("Fruit", 12, false);
}

const studio = spawn(process.env.HEADSTART ?? join(root, "target/release/headstart"), ["studio", "--no-open", join(place, "fruit")], {
  env: { ...process.env, HEADSTART_CACHE: join(place, "cache") },
  stdio: ["ignore", "pipe", "inherit"],
});
let url;
for await (const line of createInterface(studio.stdout)) if ((url = /http:\S+/.exec(line)?.[0])) break;

const chromium = spawn(process.env.CHROMIUM ?? "chromium", ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", `--user-data-dir=${join(place, "profile")}`, "about:blank"], {
  stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
});
const [, , , to, from] = chromium.stdio;
const waiting = new Map();
let rest = "";
from.on("data", (data) => {
  const parts = (rest + data).split("\0");
  rest = parts.pop();
  for (const message of parts.map((part) => JSON.parse(part))) waiting.get(message.id)?.(message);
});
let next = 0;
let sessionId;
const call = (method, params = {}) =>
  new Promise((resolve, reject) => {
    next += 1;
    waiting.set(next, ({ result, error }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result)));
    to.write(`${JSON.stringify({ id: next, method, params, sessionId })}\0`);
  });
const evaluate = async (expression) => (await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })).result.value;
const until = async (expression) => {
  while (!(await evaluate(expression))) await new Promise((over) => setTimeout(over, 50));
};

const { targetId } = await call("Target.createTarget", { url: "about:blank" });
({ sessionId } = await call("Target.attachToTarget", { targetId, flatten: true }));
await call("Emulation.setDeviceMetricsOverride", { width: 1400, height: 860, deviceScaleFactor: 1, mobile: false });
await call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: "light" }] });
await call("Page.navigate", { url });
await until("document.querySelector('start-here') !== null");
await evaluate(`(${fill})()`);
await until("/% right/.test(document.querySelector('.status').textContent)");
await call("Page.navigate", { url: `${new URL("/", url)}#/pictures/Apple` });
await call("Page.reload");
await until("document.querySelectorAll('.tile img[src]').length > 20 && [...document.querySelectorAll('.tile img')].every((image) => image.complete)");
await until("/% right/.test(document.querySelector('.status').textContent)");
// Waits for late changes of the page.
await new Promise((over) => setTimeout(over, 2000));
const { data } = await call("Page.captureScreenshot", { format: "webp", quality: 80 });
writeFileSync(out, Buffer.from(data, "base64"));
chromium.kill();
studio.kill();
await Promise.all([chromium, studio].map((child) => child.exitCode ?? new Promise((ended) => child.once("exit", ended))));
rmSync(place, { recursive: true, force: true });
console.log(out);
