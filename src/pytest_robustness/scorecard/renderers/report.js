// Sorting the tables, by mouse and by keyboard. Without a script the page shows everything in the order of the families.
"use strict";

const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
const spoken = document.getElementById("spoken");

const key = (group, column) => {
  const cell = group.rows[0].cells[column];
  const text = cell.dataset.sort ?? cell.textContent.trim();
  const number = Number(text);
  return text === "" || Number.isNaN(number) ? text : number;
};

// Numbers by size, text by the alphabet; what has no value stays at the end either way.
const compare = (a, b, sign) => {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
};

const sort = (table, head, groups) => {
  const order = NEXT[head.getAttribute("aria-sort")];
  for (const other of head.parentElement.cells) {
    if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  }
  head.setAttribute("aria-sort", order);
  const column = head.cellIndex;
  const sorted = groups.slice();
  if (order !== "none") {
    const sign = order === "ascending" ? 1 : -1;
    sorted.sort((a, b) => compare(key(a, column), key(b, column), sign));
  }
  table.append(...sorted);
  const name = head.textContent.trim();
  spoken.textContent = order === "none" ? "in the order of the families" : `sorted by ${name}, ${order}`;
};

for (const table of document.querySelectorAll("table.sortable")) {
  const groups = [...table.tBodies];
  if (groups.length < 2) continue;
  for (const head of table.tHead.rows[0].cells) {
    if (head.classList.contains("track")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(table, head, groups));
  }
  table.classList.add("sorts");
}
