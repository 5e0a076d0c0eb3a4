"""The script of every page: tables are sorted, pictures open large, and two are compared."""

SCRIPT = """
"use strict";
document.documentElement.classList.add("scripted");

// A column of numbers begins with the largest, one of words with the first; what has no number
// stays last.
function sortRows(head) {
  const isNumber = head.classList.contains("number");
  const orders = isNumber ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = orders[head.getAttribute("aria-sort") === orders[0] ? 1 : 0];
  const sign = order === "ascending" ? 1 : -1;
  const cell = (row) => row.cells[head.cellIndex];
  function compare(a, b) {
    if (!isNumber) {
      const words = [cell(a).textContent, cell(b).textContent];
      return sign * words[0].localeCompare(words[1], undefined, { numeric: true });
    }
    const [x, y] = [Number.parseFloat(cell(a).dataset.key), Number.parseFloat(cell(b).dataset.key)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  }
  const body = head.closest("table").tBodies[0];
  body.append(...[...body.rows].sort(compare));
  for (const other of head.parentNode.querySelectorAll("[aria-sort]")) {
    other.setAttribute("aria-sort", other === head ? order : "none");
  }
}

const viewer = document.getElementById("viewer");
const stage = document.getElementById("viewer-stage");
const size = document.getElementById("viewer-size");
let opener = null;

function setActualSize(isActual) {
  viewer.classList.toggle("actual", isActual);
  size.setAttribute("aria-pressed", isActual);
}

function findShownImage(figure) {
  return [...figure.querySelectorAll("img")].find((image) => image.getClientRects().length);
}

function copyImage(image) {
  const copy = new Image();
  [copy.src, copy.alt, copy.className] = [image.src, image.alt, image.className];
  return copy;
}

// One picture, or two with a line between them that can be moved.
function showLarge(images, title, button) {
  const pair = document.createElement("div");
  pair.className = "pair";
  pair.append(...images.map(copyImage));
  if (images.length > 1) {
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: 100, value: 50, ariaLabel: title });
    pair.append(slider);
  }
  opener = button;
  stage.replaceChildren(pair);
  document.getElementById("viewer-title").textContent = title;
  setActualSize(false);
  viewer.showModal();
}

function openPictures(button) {
  const isComparison = button.classList.contains("compare");
  const figures = [...button.closest(".set, figure").querySelectorAll("figure")];
  if (!isComparison) {
    const image = findShownImage(button);
    showLarge([image], image.alt, button);
  } else if (figures.length) {
    const chosen = button.dataset.pair.split(" ").map((k) => findShownImage(figures[k]));
    showLarge(chosen, button.textContent, button);
  } else {
    const pair = button.closest("figure").querySelector(".pair");
    showLarge([...pair.querySelectorAll("img")], pair.querySelector("input").ariaLabel, button);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.closest("th")) sortRows(button.closest("th"));
  else if (button.matches(".open, .compare")) openPictures(button);
  else if (button === size) setActualSize(!viewer.classList.contains("actual"));
  else if (button.id === "viewer-close") viewer.close();
});
document.addEventListener("input", (event) => {
  const pair = event.target.closest(".pair");
  if (pair) pair.style.setProperty("--cut", `${event.target.value}%`);
});
viewer.addEventListener("close", () => {
  if (viewer.open) return; // the event comes late: it may be open again
  stage.replaceChildren();
  if (opener) opener.focus();
});
"""
