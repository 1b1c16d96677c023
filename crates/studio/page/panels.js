// The panels, a row each. `main.js` imports the element of each one.

import { state } from "./store.js";

/**
 * In the order of the workflow. `panel-ID` is the element; `key` is the key to press after g; `count` is a number to show
 * beside the title, and `counts` says of what.
 */
export const PANELS = [
  { id: "pictures", title: "Pictures", key: "p", count: () => 0 },
  { id: "label", title: "Label", key: "l", count: () => state.project?.inbox ?? 0, counts: "without a class" },
  { id: "live", title: "Try it", key: "t", count: () => 0 },
  { id: "results", title: "How well", key: "h", count: () => 0 },
  { id: "clean", title: "Clean up", key: "c", count: () => state.findings?.length ?? 0, counts: "to look at" },
  { id: "improve", title: "Improve", key: "i", count: () => 0 },
  { id: "take", title: "Take away", key: "a", count: () => 0 },
];
