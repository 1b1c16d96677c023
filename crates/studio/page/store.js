// The single state of the page: the server's latest answers, kept up to date by its events.

import * as api from "./api.js";

/**
 * @typedef {{text: string, undo: string | null, problem: boolean}} Toast `undo`: the title of the deed that it undoes
 * @typedef {"connecting" | "open" | "lost" | "denied"} Connection
 */

export const state = {
  /** @type {api.Project | null} */ project: null,
  /** The class whose pictures are shown; null: those without a class; undefined: not chosen yet. @type {string | null | undefined} */ shown: undefined,
  /** @type {{of: string | null, list: api.Picture[]} | null} */ pictures: null,
  /** @type {api.Learned | null} */ learned: null,
  /** @type {api.InboxItem[] | null} */ inbox: null,
  /** @type {api.Finding[] | null} */ findings: null,
  /** @type {api.Model[] | null} */ models: null,
  /** @type {api.Base[] | null} */ bases: null,
  /** @type {api.Export[] | null} */ exports: null,
  /** @type {api.Progress | null} */ progress: null,
  /** The progress of an upload. @type {api.Progress | null} */ sending: null,
  /** @type {api.Job | null} */ job: null,
  /** @type {Toast | null} */ toast: null,
  /** @type {Connection} */ connection: "connecting",
};

/** @typedef {keyof typeof state} Key */

/** @type {Set<{keys: Key[], update: () => void}>} */
const watchers = new Set();
/** @type {Set<Key>} */
const changed = new Set();

/** The newest revision of the project since the page has been connected: answers and events overtake each other. */
let revision = 0;

/** Updates the state; a project older than the current one is ignored. @param {Partial<typeof state>} values */
export function set(values) {
  for (const [key, value] of /** @type {[Key, any][]} */ (Object.entries(values))) {
    if (state[key] === value) continue;
    if (key === "project" && value) {
      if (value.revision < revision) continue;
      revision = value.revision;
    }
    /** @type {any} */ (state)[key] = value;
    if (changed.size === 0) queueMicrotask(tell);
    changed.add(key);
  }
}

function tell() {
  const keys = [...changed];
  changed.clear();
  for (const watcher of [...watchers]) {
    if (watchers.has(watcher) && watcher.keys.some((key) => keys.includes(key))) watcher.update();
  }
}

/**
 * Calls `update` after any of the keys has changed, and fetches them. Keys that nobody watches are not fetched.
 * @param {Key[]} keys @param {() => void} update @returns {() => void} ends the watch
 */
export function watch(keys, update) {
  const watcher = { keys, update };
  watchers.add(watcher);
  refresh(...keys);
  return () => watchers.delete(watcher);
}

/** @type {Partial<Record<Key, () => Promise<Partial<typeof state>>>>} */
const loaders = {
  project: async () => ({ project: await api.project() }),
  pictures: async () => {
    const of = state.shown;
    if (of === undefined) return {};
    try {
      return { pictures: { of, list: await api.pictures(of) } };
    } catch (error) {
      // The class was renamed, merged or deleted; another one is shown in a moment.
      if (error instanceof api.Refused && error.status === 404) return {};
      throw error;
    }
  },
  learned: async () => ({ learned: await api.learned() }),
  inbox: async () => ({ inbox: await api.inbox() }),
  findings: async () => ({ findings: await api.findings() }),
  models: async () => ({ models: await api.models() }),
  bases: async () => ({ bases: await api.bases() }),
  exports: async () => ({ exports: await api.exports() }),
};

/** The keys that are being fetched; true: fetched once more after that. @type {Map<Key, boolean>} */
const loading = new Map();

/** Fetches those of the keys that are watched again. @param {...Key} keys */
export function refresh(...keys) {
  for (const key of keys) {
    const load = loaders[key];
    if (!load || ![...watchers].some((watcher) => watcher.keys.includes(key))) continue;
    if (loading.has(key)) loading.set(key, true);
    else void run(key, load);
  }
}

/** @param {Key} key @param {() => Promise<Partial<typeof state>>} load */
async function run(key, load) {
  do {
    loading.set(key, false);
    try {
      const values = await load();
      // An outdated answer is not shown: pictures that were just moved would reappear.
      if (!loading.get(key)) set(values);
    } catch (error) {
      failed(error);
    }
  } while (loading.get(key));
  loading.delete(key);
}

/** Shows an error. @param {unknown} error */
export function failed(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof api.Refused && error.status === 401) return set({ connection: "denied" });
  if (error instanceof api.Refused && error.status === 0 && state.connection !== "open") return;
  say(error instanceof Error ? error.message : String(error), { problem: true });
}

/** @param {string} text @param {Partial<Toast>} [how] */
export function say(text, how = {}) {
  set({ toast: { text, undo: null, problem: false, ...how } });
}

/** @param {() => Promise<api.Done>} ask @param {{undo: boolean, quiet?: boolean}} how @returns {Promise<boolean>} whether it was done */
async function change(ask, { undo, quiet }) {
  try {
    const done = await ask();
    set({ project: done.project });
    refresh("pictures", "inbox", "findings");
    if (!quiet) say(done.message, { undo: undo ? done.project.undo : null });
    return true;
  } catch (error) {
    failed(error);
    refresh("project", "pictures", "inbox", "findings");
    return false;
  }
}

/** The last action; actions are carried out in the order in which they were requested. @type {Promise<any>} */
let last = Promise.resolve();

/** @param {() => Promise<boolean>} next @returns {Promise<boolean>} */
function inOrder(next) {
  last = last.then(next, next);
  return last;
}

/** @param {api.Action} action */
export const act = (action) => inOrder(() => change(() => api.act(action), { undo: true }));
/** Undoes the last deed. @param {string} [expected] the title of the deed; no other deed is undone */
export const undo = (expected) =>
  inOrder(async () => (state.project?.undo ? change(() => api.undo(expected), { undo: false }) : false));
export const redo = () => inOrder(async () => (state.project?.redo ? change(api.redo, { undo: true }) : false));

/** Moves pictures, and removes them from the lists at once. @param {string[]} paths @param {string | null} to */
export function move(paths, to) {
  if (paths.length === 0) return Promise.resolve(false);
  drop(paths);
  return act({ do: "move", paths, to });
}

/** @param {string[]} paths */
export function remove(paths) {
  if (paths.length === 0) return Promise.resolve(false);
  drop(paths);
  return act({ do: "delete", paths });
}

/** Removes pictures from the lists before the server has answered. @param {string[]} paths */
function drop(paths) {
  const gone = new Set(paths);
  if (state.pictures) {
    const list = state.pictures.list.filter(({ path }) => !gone.has(path));
    set({ pictures: { of: state.pictures.of, list } });
  }
  if (state.inbox) set({ inbox: state.inbox.filter(({ path }) => !gone.has(path)) });
  // Answers that are on their way are outdated, so fetch again.
  for (const key of /** @type {Key[]} */ (["pictures", "inbox"])) if (loading.has(key)) loading.set(key, true);
}

/** Whether there is a model that can answer. */
export const hasLearned = () => (state.learned?.pictures ?? 0) > 0;

/** Shows the pictures of a class. @param {string | null} name */
export function show(name) {
  if (state.shown === name && state.pictures?.of === name) return;
  set({ shown: name });
  refresh("pictures");
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;

/** Listens to the server's events, and reconnects when the connection is lost. */
export function connect(wait = FIRST_WAIT) {
  const source = new EventSource("/api/events");
  /** @param {string} name @param {(data: any) => void} act */
  const on = (name, act) =>
    source.addEventListener(name, (event) => act(JSON.parse(/** @type {MessageEvent} */ (event).data)));
  source.onopen = () => {
    wait = FIRST_WAIT;
    // A studio that has been restarted counts from the beginning.
    revision = 0;
    set({ connection: "open", progress: null });
    refresh(.../** @type {Key[]} */ (Object.keys(loaders)));
  };
  source.onerror = () => {
    source.close();
    if (state.connection === "open") set({ connection: "lost", progress: null });
    // An event source does not report why it was refused.
    api.project().catch(failed);
    setTimeout(() => connect(Math.min(2 * wait, LONGEST_WAIT)), wait);
  };
  on("project", (/** @type {api.Project} */ project) => {
    if (project.revision < revision) return;
    const isNew = project.revision !== state.project?.revision;
    set({ project, job: project.job ?? state.job });
    if (isNew) refresh("pictures", "inbox", "findings");
  });
  on("progress", (/** @type {api.Progress} */ progress) => {
    set({ progress: progress.done < progress.total ? progress : null });
  });
  on("learned", () => {
    set({ progress: null });
    refresh("learned", "inbox", "models");
  });
  on("findings", () => refresh("findings"));
  on("job", (/** @type {api.Job} */ job) => {
    set({ job });
    if (job.state !== "running" && job.state !== "stopping") refresh("models", "project");
  });
  on("problem", ({ message }) => say(message, { problem: true }));
}

/** An element that stays up to date: `update` runs when it is shown, and after any key that it watches has changed. */
export class Watching extends HTMLElement {
  /** @type {Key[]} */
  static watches = [];
  /** @type {() => void} */
  #end = () => {};

  connectedCallback() {
    this.start();
    this.#end = watch(/** @type {typeof Watching} */ (this.constructor).watches, () => this.update());
    this.update();
  }

  disconnectedCallback() {
    this.#end();
    this.stop();
  }

  /** Runs when the element is shown, before the first update. */
  start() {}
  update() {}
  stop() {}
}
