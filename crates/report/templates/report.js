"use strict";

// The pictures of a cell of the confusion matrix.
{
  const element = document.getElementById("data");
  const panel = document.getElementById("cell");
  if (element && panel) {
    const data = JSON.parse(element.textContent);
    const title = document.getElementById("cell-title");
    const list = document.getElementById("cell-list");
    let opener = null;

    const item = ([number, name, sure]) => {
      const li = document.createElement("li");
      const uri = data.thumbnails[number];
      if (uri) {
        const image = document.createElement("img");
        image.src = uri;
        image.alt = "";
        li.append(image);
      } else {
        li.className = "name-only";
      }
      const text = document.createElement("span");
      const path = document.createElement("bdi");
      path.dir = "ltr";
      path.textContent = name;
      text.append(path);
      text.title = name;
      const score = document.createElement("b");
      score.textContent = `${(sure / 10).toFixed(1)} % sure`;
      li.append(text, score);
      return li;
    };

    const names = (cell) => cell.split(",").map((index) => data.classes[index]);
    const pictures = (count) => `${count} ${count === 1 ? "picture" : "pictures"}`;
    const show = (text, className, items) => {
      title.textContent = text;
      list.className = className;
      list.replaceChildren(...items);
      panel.hidden = false;
      title.focus();
      panel.scrollIntoView({ block: "nearest" });
    };
    const showCell = (cell) => {
      const [truth, said] = names(cell);
      const { count, pictures: own } = data.cells[cell];
      const named = own.length < count ? `; ${own.length} are named here` : "";
      show(`${pictures(count)} of ${truth} taken for ${said}${named}`, "thumbnails", own.map(item));
    };
    // All cells of the row and the column of a class, as buttons.
    const showClass = (index) => {
      const own = Object.keys(data.cells).filter((cell) => cell.split(",").includes(index));
      own.sort((a, b) => data.cells[b].count - data.cells[a].count);
      const items = own.map((cell) => {
        const [truth, said] = names(cell);
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.cell = cell;
        button.textContent = `${data.cells[cell].count} of ${truth} taken for ${said}`;
        const li = document.createElement("li");
        li.append(button);
        return li;
      });
      show(data.classes[index], "cells", items);
    };
    const close = () => {
      panel.hidden = true;
      opener?.focus();
      // A square of the drawing takes no focus.
      if (document.activeElement !== opener) document.querySelector("#confusion button")?.focus();
    };

    document.addEventListener("click", (event) => {
      const target = event.target.closest("[data-cell], [data-class]");
      if (!target) return;
      if (!panel.contains(target)) opener = target;
      if (target.dataset.cell) showCell(target.dataset.cell);
      else showClass(target.dataset.class);
    });
    document.getElementById("cell-close").addEventListener("click", close);
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
    for (const square of document.querySelectorAll("#matrix-map [data-cell]")) {
      const [truth, said] = square.dataset.cell.split(",");
      const count = data.cells[square.dataset.cell].count;
      const text = document.createElementNS(square.namespaceURI, "title");
      text.textContent = `${count} of ${data.classes[truth]} taken for ${data.classes[said]}`;
      square.append(text);
    }
  }
}

// Values of a plot where it is pointed at, or by the arrow keys.
for (const chart of document.querySelectorAll(".chart")) {
  const marks = [...chart.querySelectorAll(".dot, .bar")].filter((mark) => mark.querySelector("title"));
  const readout = chart.querySelector(".readout");
  let current = -1;
  const choose = (index) => {
    marks[current]?.classList.remove("chosen");
    current = index;
    marks[current]?.classList.add("chosen");
    readout.textContent = marks[current]?.querySelector("title").textContent ?? "";
  };
  const point = (event) => {
    let nearest = -1;
    let least = 40;
    marks.forEach((mark, index) => {
      const box = mark.getBoundingClientRect();
      const dx = Math.max(box.left - event.clientX, 0, event.clientX - box.right);
      const dy = Math.max(box.top - event.clientY, 0, event.clientY - box.bottom);
      const distance = Math.hypot(dx, dy);
      if (distance < least) [nearest, least] = [index, distance];
    });
    if (nearest !== current) choose(nearest);
  };
  chart.addEventListener("pointermove", point);
  chart.addEventListener("pointerdown", point);
  chart.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") choose(-1);
  });
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || marks.length === 0 || event.target !== chart) return;
    event.preventDefault();
    choose((current + step + marks.length) % marks.length);
  });
}

// Heatmaps over the pictures of a list.
for (const box of document.querySelectorAll(".heat")) {
  const update = () => box.closest("section").classList.toggle("with-heat", box.checked);
  box.addEventListener("change", update);
  update();
}

// Classes in the order of a column, and those with a name.
const table = document.getElementById("class-table");
if (table) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    const header = button.closest("th");
    const column = headers.indexOf(header);
    const down = header.ariaSort === "ascending";
    const text = (row) => row.cells[column].textContent.trim();
    // What has no number comes last, or first from the top.
    const number = (row) => (text(row) === "–" ? Infinity : Number.parseFloat(text(row)) || 0);
    const compare = button.dataset.sort === "number"
      ? (a, b) => (number(a) === number(b) ? 0 : number(a) - number(b))
      : (a, b) => text(a).localeCompare(text(b), undefined, { numeric: true });
    const rows = [...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.replaceChildren(...rows);
  });
  const find = document.getElementById("find-class");
  find?.addEventListener("input", () => {
    const wanted = find.value.toLocaleLowerCase();
    let found = 0;
    for (const row of body.rows) {
      row.hidden = !row.cells[0].textContent.toLocaleLowerCase().includes(wanted);
      found += row.hidden ? 0 : 1;
    }
    document.getElementById("found-classes").textContent = wanted ? `${found} of ${body.rows.length}` : "";
  });
}
