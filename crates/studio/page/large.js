// A picture as large as it fits, with the model's answer.

import * as api from "./api.js";
import "./answer-bars.js";
import { askClass, dialog } from "./ask.js";
import { button, element, fileName } from "./dom.js";
import { hasSingleKeys } from "./keys.js";
import { failed, hasLearned, move, remove, state } from "./store.js";

/** @param {{path: string, tag: string, problem: string | null}[]} items @param {number} index */
export function openLarge(items, index) {
  const list = [...items];
  return dialog(
    "Picture",
    (close) => {
      const image = element("img", { alt: "" });
      const map = element("img", { alt: "", class: "heatmap", hidden: true });
      const figure = element("figure", {}, element("div", { class: "stack" }, image, map), element("p", { class: "problem" }));
      /** @type {import("./answer-bars.js").AnswerBars} */
      const bars = element("answer-bars");
      const title = element("p", { class: "file" });
      const why = element("input", { type: "checkbox" });
      let asked = new AbortController();

      const says = async () => {
        asked.abort();
        asked = new AbortController();
        const { signal } = asked;
        map.hidden = true;
        bars.show(null, hasLearned() ? "…" : "It has not learned anything yet");
        if (!hasLearned() || list[index].problem) return;
        try {
          const picture = await fetch(api.picture(list[index]), { signal });
          const answer = await api.live(await picture.blob(), why.checked && (bars.why ?? true), signal);
          bars.show(answer);
          if (answer.heatmap) map.src = answer.heatmap;
          map.hidden = answer.heatmap === null;
        } catch (error) {
          if (!signal.aborted) bars.show(null, error instanceof Error ? error.message : "");
        }
      };
      const look = () => {
        if (list.length === 0) return close(null);
        index = Math.min(Math.max(0, index), list.length - 1);
        const { path, problem } = list[index];
        title.textContent = `${path} · ${index + 1} of ${list.length}`;
        image.hidden = problem !== null;
        if (problem === null) image.src = api.picture(list[index]);
        image.alt = fileName(path);
        /** @type {HTMLElement} */ (figure.lastElementChild).textContent = problem ? `This picture cannot be read: ${problem}` : "";
        void says();
      };
      const go = (/** @type {number} */ step) => {
        index += step;
        look();
      };
      const gone = () => {
        list.splice(index, 1);
        look();
      };
      const moveTo = (/** @type {string | null} */ to) => {
        void move([list[index].path], to).catch(failed);
        gone();
      };
      const ask = async () => {
        const to = await askClass("Move this picture to", [state.shown ?? null]);
        if (to) moveTo(to.name);
      };
      const take = () => {
        void remove([list[index].path]);
        gone();
      };
      why.onchange = () => {
        bars.why = null;
        void says();
      };
      bars.addEventListener("why", (event) => {
        const name = /** @type {CustomEvent} */ (event).detail;
        bars.why = bars.why === name ? null : name;
        why.checked = true;
        void says();
      });
      queueMicrotask(() => {
        const box = /** @type {HTMLDialogElement} */ (figure.closest("dialog"));
        box.onkeydown = (/** @type {KeyboardEvent} */ event) => {
          if (event.ctrlKey || event.metaKey || event.altKey) return;
          const to = state.project?.classes[Number(event.key) - 1]?.name;
          if (event.key === "ArrowRight") go(1);
          else if (event.key === "ArrowLeft") go(-1);
          else if (event.key === "Delete") take();
          else if (!hasSingleKeys()) return;
          else if (event.key === "m") void ask();
          else if (to !== undefined && to !== state.shown) moveTo(to);
          else return;
          event.preventDefault();
        };
        look();
      });
      return [
        title,
        figure,
        element("aside", {}, element("h3", {}, "What the model says"), bars, element("label", {}, why, " Show what speaks for it")),
        element(
          "p",
          { class: "actions" },
          button("← Back", () => go(-1)),
          button("Next →", () => go(1), { autofocus: true }),
          button("Move to …", () => void ask()),
          button("Delete", take),
          button("Close", () => close(null), { class: "main" }),
        ),
      ];
    },
    "large",
  );
}
