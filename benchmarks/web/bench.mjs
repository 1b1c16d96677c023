// node bench.mjs HERE WORK speed|start|agreement: one of the measurements of run.sh, which fills the folder WORK.
import { createServer } from "node:http";
import { readFile, stat } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { createRequire } from "node:module";

const [here, work, what] = process.argv.slice(2);
const puppeteer = (await import(createRequire(join(here, "x.js")).resolve("puppeteer-core"))).default;
const ROUNDS = Number(process.env.ROUNDS ?? 15);
const EACH = 10;

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://x");
  const place = decodeURIComponent(url.pathname);
  // Pictures are requested by their absolute path.
  const path = place.startsWith("/picture/") ? place.slice("/picture".length)
    : place.startsWith("/work/") ? join(work, place.slice("/work".length)) : join(here, place);
  try {
    const content = await readFile(path);
    response.writeHead(200, {
      "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
      // Threads require these headers.
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
  protocolTimeout: 600_000,
});

async function open(runtime, threads) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(runtime, error.message));
  page.on("console", (message) => message.type() === "error" && console.error(runtime, message.text()));
  await page.goto(`${origin}/${runtime}.html?threads=${threads}`);
  await page.waitForFunction(() => window.measure, { timeout: 120_000 });
  return page;
}

const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];
const median = (values) => quantile(values, 0.5);

async function speed() {
  const runs = [
    ["headstart", 1], ["tfjs", 1], ["tfjs", 2], ["ort", 1], ["ort", 2],
  ];
  const pages = [];
  for (const [runtime, threads] of runs) pages.push(await open(runtime, threads));
  const times = runs.map(() => []);
  // Rounds are interleaved, so that other load on the machine affects all runtimes alike.
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, page] of pages.entries()) {
      await page.bringToFront();
      times[index].push(...(await page.evaluate((n) => window.measure(n), EACH)));
    }
  }
  console.log(await browser.version());
  for (const [index, [runtime, threads]] of runs.entries()) {
    const all = times[index];
    const [low, middle] = [0.1, 0.5].map((share) => quantile(all, share).toFixed(2));
    console.log(`${runtime}, threads ${threads}: median ${middle} ms, a tenth below ${low} ms`);
  }
}

async function start() {
  const file = join(work, "page.html");
  console.log(`page: ${((await stat(file)).size / 1e6).toFixed(2)} MB`);
  const ready = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await browser.newPage();
    const began = performance.now();
    await page.goto(`file://${file}`);
    await page.waitForFunction(() => !document.getElementById("files").disabled, { polling: 5 });
    ready.push(performance.now() - began);
    await page.close();
  }
  console.log(`ready after ${median(ready).toFixed(0)} ms, first ${ready[0].toFixed(0)} ms`);
}

async function agreement() {
  const lines = readFileSync(join(work, "answers.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const page = await open("headstart", 1);
  const answers = lines.filter((line) => line.scores).map((line) => ({ ...line, scores: Object.entries(line.scores) }));
  const found = await page.evaluate(async (answers) => {
    const tally = { pictures: 0, same: 0, verdict: 0, difference: 0 };
    for (const { path, scores, unknown } of answers) {
      const file = await (await fetch(`/picture${path.split("/").map(encodeURIComponent).join("/")}`)).blob();
      const own = await window.model.predict(file);
      tally.pictures += 1;
      tally.same += own.scores[0].label === scores[0][0];
      tally.verdict += own.unknown === unknown;
      for (const [label, score] of scores) {
        const other = own.scores.find((entry) => entry.label === label);
        tally.difference = Math.max(tally.difference, Math.abs(other.score - score));
      }
    }
    return tally;
  }, answers);
  console.log(`${found.same} of ${found.pictures} the same first class, ${found.verdict} the same verdict on unknown, ` +
    `within ${found.difference.toExponential(1)}`);
}

await { speed, start, agreement }[what]();
await browser.close();
server.close();
