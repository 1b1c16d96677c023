// Keyboard shortcuts that work everywhere, and the list of all shortcuts.

import { button, element, focusOn, hasDialog, isTyping } from "./dom.js";
import { dialog } from "./ask.js";
import { PANELS } from "./panels.js";
import { redo, undo } from "./store.js";

const SINGLE_KEYS = "headstart-single-keys";
const WAIT_MS = 1500;

/** Whether shortcuts without Ctrl are enabled: users of speech input may want to disable them. */
export const hasSingleKeys = () => localStorage.getItem(SINGLE_KEYS) !== "off";

export function listenToKeys() {
  let sinceG = 0;
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTyping(event)) return;
    const isWithControl = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (isWithControl && !event.altKey && (key === "z" || key === "y")) {
      event.preventDefault();
      if (key === "y" || event.shiftKey) void redo();
      else void undo();
      return;
    }
    if (isWithControl || event.altKey || !hasSingleKeys() || hasDialog()) return;
    const panel = performance.now() - sinceG < WAIT_MS ? PANELS.find((panel) => panel.key === key) : undefined;
    sinceG = key === "g" ? performance.now() : 0;
    if (event.key === "?") showHelp();
    if (!panel) return;
    event.preventDefault();
    location.hash = `#/${panel.id}`;
    // The panel is created after the address has changed.
    setTimeout(() => focusOn(/** @type {Element} */ (document.querySelector("main")?.firstElementChild)));
  });
}

const KEYS = [
  ["Anywhere", [["Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "do it again"], ["Ctrl+V", "add a picture that was copied"], ["?", "this help"]]],
  ["Go to", PANELS.map(({ key, title }) => [`g ${key}`, title])],
  ["Among pictures", [["arrows", "go"], ["Shift+arrows", "select more"], ["Space", "select or not"], ["Ctrl+A", "select all"], ["Enter", "look at it large"],
    ["1 … 9", "move to that class"], ["m", "move to a class by its name"], ["Delete", "delete"], ["Esc", "select none"]]],
  ["Label", [["1 … 9", "it is of that class"], ["Enter", "the guess is right"], ["Shift+1 … 9", "all that look like it are"], ["Shift+Enter", "the guess is right for all that look like it"],
    ["m", "choose a class by its name"], ["→ ←", "next, back"], ["Delete", "delete it"]]],
];

export function showHelp() {
  void dialog(
    "Keys and help",
    (close) => {
      const box = element("input", { type: "checkbox" });
      box.checked = hasSingleKeys();
      box.onchange = () => localStorage.setItem(SINGLE_KEYS, box.checked ? "on" : "off");
      return [
        element("p", {}, "Each class is a folder of the project, each picture a file in it: what you do here is done to these files, and can be undone. Nothing leaves this computer."),
        element(
          "div",
          { class: "keys" },
          KEYS.map(([title, rows]) =>
            element("section", {}, element("h3", {}, title), element("dl", {}, /** @type {string[][]} */ (rows).map(([keys, words]) => [element("dt", {}, element("kbd", {}, keys)), element("dd", {}, words)]))),
          ),
        ),
        element("p", {}, element("label", {}, box, " Keys without Ctrl do something")),
        element("p", { class: "actions" }, button("Close", () => close(null), { class: "main" })),
      ];
    },
    "wide",
  );
}
