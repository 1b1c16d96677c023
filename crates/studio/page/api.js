// The requests to the server, and the types of its answers.

/**
 * @typedef {{name: string, pictures: number}} Class
 * @typedef {{name: string, folder: string, revision: number, version: string, readOnly: string | null,
 *   classes: Class[], inbox: number, unreadable: {path: string, reason: string}[], undo: string | null,
 *   redo: string | null, job: Job | null, model: string}} Project
 * @typedef {{path: string, tag: string, problem: string | null}} Picture `tag` changes with the file
 * @typedef {{do: "addClass", name: string} | {do: "renameClass", from: string, to: string}
 *   | {do: "mergeClass", from: string, into: string} | {do: "deleteClass", name: string}
 *   | {do: "move", paths: string[], to: string | null} | {do: "delete", paths: string[]}
 *   | {do: "keep", finding: string} | {do: "fix", finding: string, fix: string}} Action
 * @typedef {{project: Project, message: string}} Done
 * @typedef {{project: Project, added: number, skipped: {name: string, reason: string}[], message: string}} Upload
 * @typedef {{stage: string, done: number, total: number}} Progress
 * @typedef {{kind: string, text: string, class: string | null, paths: string[], panel: string | null}} Advice
 * @typedef {{name: string, pictures: number, precision: number, recall: number, f1: number}} ClassFigures
 * @typedef {{true: string, predicted: string, count: number, paths: string[]}} Confused `paths` has the first pictures
 * @typedef {{revision: number, pictures: number, accuracy: number | null, interval: [number, number] | null,
 *   why: string | null, classes: ClassFigures[], confusion: number[][], confused: Confused[], advice: Advice[],
 *   seconds: number}} Learned `confusion[true][predicted]` counts pictures that the model was not trained on
 * @typedef {{path: string, tag: string, guess: string | null, score: number | null, unknown: boolean,
 *   cluster: number | null, problem: string | null}} InboxItem
 * @typedef {{id: string, kind: string, text: string, why: string,
 *   pictures: {path: string, tag: string, class: string | null, note: string | null}[],
 *   fixes: {id: string, label: string}[]}} Finding
 * @typedef {{label: string | null, unknown: boolean, scores: {name: string, score: number}[], milliseconds: number,
 *   heatmap: string | null, heatmapOf: string | null, input?: number}} Live
 * @typedef {{name: string, base: string, kind: "live" | "train" | "fine_tune", accuracy: number | null,
 *   classes: number, pictures: number, bytes: number, made: string, current: boolean, report: boolean,
 *   code: {rust: string, command: string, http: string}}} Model
 * @typedef {{epoch: number, accuracy: number, loss: number, validationAccuracy: number, validationLoss: number}} Point
 * @typedef {{id: string, kind: string, name: string, stage: string, done: number, total: number,
 *   secondsLeft: number | null, curve: Point[], state: "running" | "stopping" | "done" | "failed" | "stopped",
 *   message: string | null}} Job
 * @typedef {{name: string, accuracy: number, correct: number,
 *   perClass: {name: string, accuracy: number, pictures: number}[], milliseconds: number}} Side
 * @typedef {{pictures: number, classes: string[], a: Side, b: Side, onlyA: string[], onlyB: string[],
 *   pValue: number, verdict: string}} Comparison
 * @typedef {{format: string, title: string, about: string, extension: string}} Export
 * @typedef {{name: string, about: string, size: number}} Base
 */

/** An error of the server, with its message. */
export class Refused extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<Response>} */
async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused("The studio does not answer. Is it still running in the terminal?", 0);
  }
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    message = JSON.parse(await response.text()).error ?? message;
  } catch {
    // An answer that is not JSON has no message.
  }
  throw new Refused(message, response.status);
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
async function ask(path, options) {
  const text = await (await request(path, options)).text();
  return text === "" ? null : JSON.parse(text);
}

/** @param {string} path @param {any} [body] */
const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });

/** @param {Record<string, string | number | null | undefined>} values */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`;
}

/** @param {string} name */
const model = (name) => `/api/models/${encodeURIComponent(name)}`;

/** @returns {Promise<Project>} */
export const project = () => ask("/api/project");
/** The pictures of a class; null: those without a class. @param {string | null} name @returns {Promise<Picture[]>} */
export const pictures = (name) => ask(`/api/pictures${query({ class: name })}`);
/** @param {Action} action @returns {Promise<Done>} */
export const act = (action) => post("/api/actions", action);
/** @param {string} [expected] the title of the deed; no other deed is undone @returns {Promise<Done>} */
export const undo = (expected) => post("/api/undo", { expected });
/** @returns {Promise<Done>} */
export const redo = () => post("/api/redo");
/** @returns {Promise<Learned | null>} */
export const learned = () => ask("/api/learned");
/** @returns {Promise<InboxItem[]>} */
export const inbox = () => ask("/api/inbox");
/** @returns {Promise<Finding[]>} */
export const findings = () => ask("/api/findings");
/** @returns {Promise<Model[]>} */
export const models = () => ask("/api/models");
/** @returns {Promise<Base[]>} */
export const bases = () => ask("/api/bases");
/** @returns {Promise<Export[]>} */
export const exports = () => ask("/api/exports");
/** @param {{kind: string, base: string, name?: string, epochs?: number, from?: string}} job @returns {Promise<{id: string}>} */
export const startJob = (job) => post("/api/jobs", job);
/** @param {string} id */
export const stopJob = (id) => ask(`/api/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
/** @param {string} a @param {string} b @returns {Promise<Comparison>} */
export const compare = (a, b) => ask(`/api/compare${query({ a, b })}`);
/** @param {string} name */
export const useModel = (name) => post(`${model(name)}/use`);

/**
 * Classifies a picture.
 * @param {Blob} picture
 * @param {boolean | string} explain whether to add a heatmap, for the most likely class or for this class
 * @param {AbortSignal} [signal]
 * @returns {Promise<Live>}
 */
export const live = (picture, explain, signal) =>
  ask(`/api/live${query({ explain: explain === false ? null : 1, class: typeof explain === "string" ? explain : null })}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: picture,
    signal,
  });

/**
 * @param {{name: string, file: Blob}[]} files @param {string | null} className
 * @param {string} batch uploads with the same batch are undone together
 * @returns {Promise<Upload>}
 */
export function upload(files, className, batch) {
  const body = new FormData();
  for (const { name, file } of files) body.append("file", file, name);
  return ask(`/api/upload${query({ class: className, batch })}`, { method: "POST", body });
}

/** @param {{path: string, tag?: string}} picture */
export const thumbnail = ({ path, tag }) => `/api/thumbnail${query({ path, v: tag })}`;
/** @param {{path: string, tag?: string}} picture */
export const picture = ({ path, tag }) => `/api/picture${query({ path, v: tag })}`;
/** @param {string} name */
export const modelFile = (name) => `${model(name)}/file`;
/** @param {string} name */
export const modelReport = (name) => `${model(name)}/report`;
/** @param {string} name @param {string} format */
export const modelExport = (name, format) => `${model(name)}/export${query({ format })}`;

/** Downloads a file, with its name. @param {string} path @returns {Promise<{blob: Blob, name: string}>} */
export async function file(path) {
  const response = await request(path);
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  const name = encoded ? decodeURIComponent(encoded) : (/filename="?([^";]+)"?/.exec(disposition)?.[1] ?? "model");
  return { blob: await response.blob(), name };
}
