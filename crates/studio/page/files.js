// Uploads files that are dropped, chosen or pasted.

import * as api from "./api.js";
import { plural } from "./dom.js";
import { haveClasses, withClasses } from "./folders.js";
import { failed, refresh, say, set, state } from "./store.js";

// The limits on a request: a large upload takes several, so that the first pictures show while others are on their way.
const MOST_FILES = 100;
const MOST_BYTES = 32e6;

/** @typedef {{name: string, file: File}} Named `name` includes the folders that the file was dropped with */

/** All files of a drop, including those in folders. @param {DataTransfer} transfer @returns {Promise<Named[]>} */
export async function filesOf(transfer) {
  // Entries must be read before the first await: the transfer is empty afterwards.
  const entries = [...transfer.items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry());
  /** @type {Named[]} */
  const found = [];
  /** @type {(FileSystemEntry | null)[]} */
  const waiting = entries.reverse();
  while (waiting.length > 0) {
    const entry = waiting.pop();
    if (entry?.isFile) {
      const file = await new Promise((resolve) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, () => resolve(null)));
      if (file) found.push({ name: entry.fullPath.replace(/^\//, ""), file });
    } else if (entry?.isDirectory) {
      const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
      // A reader returns a hundred entries at a time, and none at the end.
      for (;;) {
        /** @type {FileSystemEntry[]} */
        const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
        if (some.length === 0) break;
        waiting.push(...some.reverse());
      }
    }
  }
  return found.filter(({ name }) => !name.split("/").some((part) => part.startsWith(".")));
}

/** @param {Iterable<File>} files @returns {Named[]} */
export const named = (files) => [...files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));

/**
 * Uploads files; they are undone together. If the files come in folders of several classes, these folders become
 * classes, wherever they are dropped.
 * @param {Named[]} files @param {string | null} className null: folders become classes, other files go to the inbox
 * @returns {Promise<Named[]>} the files that could not be sent
 */
export async function send(files, className) {
  if (files.length === 0) return [];
  const into = haveClasses(files) ? null : className;
  if (into === null) files = withClasses(files);
  const batch = newBatch();
  const total = files.length;
  let done = 0;
  let added = 0;
  let message = "";
  /** @type {string | null} */
  let title = null;
  /** @type {{name: string, reason: string}[]} */
  const skipped = [];
  try {
    while (done < total) {
      set({ sending: { stage: "Adding pictures", done, total } });
      const part = cut(files, done);
      const answer = await api.upload(part, into, batch);
      done += part.length;
      added += answer.added;
      skipped.push(...answer.skipped);
      message = answer.message;
      title = answer.project.undo;
      set({ project: answer.project });
    }
    const is = added === 1 ? "is" : "are";
    const where = into === null ? "" : ` in ${into}`;
    const text = done > MOST_FILES || message === "" ? `${plural(added, "picture")} ${is} new${where}` : message;
    say(skipped.length === 0 ? text : `${text}. ${left(skipped)}`, { undo: added > 0 ? title : null, problem: added === 0 && skipped.length > 0 });
    return [];
  } catch (error) {
    failed(error);
    return files.slice(done);
  } finally {
    set({ sending: null });
    refresh("project", "pictures", "inbox");
  }
}

/** @param {Named[]} files @param {number} from */
function cut(files, from) {
  let size = 0;
  let to = from;
  while (to < files.length && to - from < MOST_FILES && (to === from || size + files[to].file.size <= MOST_BYTES)) {
    size += files[to].file.size;
    to += 1;
  }
  return files.slice(from, to);
}

/** @param {{name: string, reason: string}[]} skipped */
function left(skipped) {
  const [{ name, reason }] = skipped;
  const more = skipped.length > 1 ? ` and ${skipped.length - 1} more` : "";
  return `Left out: ${name} (${reason})${more}`;
}

/** Asks for files with the browser's own dialog. @param {(files: Named[]) => void} then @param {boolean} [isFolder] */
export function chooseFiles(then, isFolder = false) {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.webkitdirectory = isFolder;
  input.onchange = () => then(named(input.files ?? []));
  input.click();
}

/** The class for files that are dropped or pasted: the one that is shown. */
export const shownClass = () => state.project?.classes.find(({ name }) => name === state.shown)?.name ?? null;

function newBatch() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
