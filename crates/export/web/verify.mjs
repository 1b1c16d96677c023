// Compares the answers of an exported page or package to the pictures of its proof with headstart's:
//   node verify.mjs PAGE.html      node verify.mjs FOLDER
// Needs only node.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inflateSync } from "node:zlib";

const [path, ...options] = process.argv.slice(2);
if (!path) {
  console.error("usage: node verify.mjs PAGE.html or FOLDER [--json]");
  process.exit(2);
}

/** The contents of a page, which has its parts in script elements that are not run. */
async function ofPage(path) {
  const page = await readFile(path, "utf8");
  const script = (id) => page.split(`id="${id}">`)[1].split("</script>")[0];
  const url = `data:text/javascript,${encodeURIComponent(script("code"))}`;
  const { decoded, joined, ...module } = await import(url);
  const part = (name) => inflateSync(decoded(script(name)));
  const read = async (name) => (name === "weights.wasm" ? joined(part(name)) : part(name));
  return { module, read, proof: JSON.parse(part("proof")) };
}

async function ofFolder(path) {
  const module = await import(pathToFileURL(join(path, "index.js")));
  const read = (name) => readFile(join(path, name));
  return { module, read, proof: JSON.parse(await read("proof.json")) };
}

const { module, read, proof } = await ((await stat(path)).isDirectory() ? ofFolder(path) : ofPage(path));
const model = await module.load({ read });
const pictures = Buffer.from(proof.pictures, "base64");
const bytes = pictures.length / proof.answers.length;
const first = (scores) => scores.indexOf(Math.max(...scores));
let same = 0;
let difference = 0;
let largest = 0;
proof.answers.forEach((expected, index) => {
  const { scores } = model.predictPixels(pictures.subarray(index * bytes, (index + 1) * bytes));
  const own = proof.classes.map((label) => scores.find((other) => other.label === label).score);
  same += first(own) === first(expected);
  own.forEach((score, at) => {
    difference = Math.max(difference, Math.abs(score - expected[at]));
    largest = Math.max(largest, expected[at]);
  });
});
const checked = {
  runtime: `node ${process.versions.node}`,
  pictures: proof.answers.length,
  same_first: same,
  largest_difference: difference,
  largest,
};
if (options.includes("--json")) console.log(JSON.stringify({ proof: checked }));
else {
  console.log(`${same} of ${checked.pictures} pictures have the same first class, within ${difference.toExponential(1)}`);
}
process.exitCode = same === checked.pictures ? 0 : 1;
