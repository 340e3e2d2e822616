"use strict";
// Long lists become pages. Without this script the page shows them whole, or their beginning.
(() => {
  const data = JSON.parse(document.getElementById("audit-data").textContent);

  const button = (words, label, press) => {
    const made = document.createElement("button");
    made.type = "button";
    for (const [text, name] of words) {
      const part = document.createElement("span");
      part.textContent = text;
      part.className = name;
      made.append(part);
    }
    made.setAttribute("aria-label", label);
    made.addEventListener("click", press);
    return made;
  };

  // Puts a bar above `list` that calls show(from, to) for one page of `total` things after the other.
  const paged = (list, noun, total, size, show) => {
    const last = Math.ceil(total / size) - 1;
    if (last < 1) { show(0, total); return; }
    const bar = document.createElement("nav");
    bar.className = "pager";
    bar.setAttribute("aria-label", "Pages of " + noun);
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    let page = 0;
    const turn = (to, moved) => {
      page = Math.min(last, Math.max(0, to));
      const from = page * size, end = Math.min(total, from + size);
      show(from, end);
      told.textContent = (from + 1).toLocaleString("en") + " to " + end.toLocaleString("en")
        + " of " + total.toLocaleString("en");
      // Not `disabled`, which would throw the keyboard's focus away.
      for (const [edge, target] of edges) edge.setAttribute("aria-disabled", String(target() === page));
      if (moved && list.parentElement.getBoundingClientRect().top < 0) list.parentElement.scrollIntoView();
    };
    const targets = [
      [[["«", "sign"]], "First page", () => 0],
      [[["‹", "sign"], [" Previous", "word"]], "Previous page", () => Math.max(0, page - 1)],
      [[["Next ", "word"], ["›", "sign"]], "Next page", () => Math.min(last, page + 1)],
      [[["»", "sign"]], "Last page", () => last],
    ];
    const edges = targets.map(([words, label, target]) => [
      button(words, label + " of " + noun, () => turn(target(), true)), target]);
    const keys = { Home: 0, ArrowLeft: 1, ArrowRight: 2, End: 3 };
    bar.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      turn(targets[keys[event.key]][2](), true);
    });
    bar.append(edges[0][0], edges[1][0], told, edges[2][0], edges[3][0]);
    list.closest(".paged").prepend(bar);
    turn(0, false);
  };

  for (const list of document.querySelectorAll("[data-per-page]")) {
    const rows = [...list.children];
    paged(list, list.dataset.noun, rows.length, Number(list.dataset.perPage), (from, to) =>
      rows.forEach((row, place) => row.classList.toggle("off-page", place < from || place >= to)));
  }

  for (const list of document.querySelectorAll("[data-finding]")) {
    const names = data.findings[list.dataset.finding];
    const fold = list.closest("details");
    // Names are written when the fold is opened first: there may be a hundred thousand of them.
    if (names) fold.addEventListener("toggle", () => {
      fold.querySelector(".beginning").remove();
      paged(list, "films of this finding", names.length, Number(list.dataset.size), (from, to) =>
        list.replaceChildren(...names.slice(from, to).map((name) => {
          const row = document.createElement("li");
          row.textContent = name;
          return row;
        })));
    }, { once: true });
  }

  // A link to a folded finding opens it.
  const open = () => {
    const target = location.hash.startsWith("#finding-") && document.getElementById(location.hash.slice(1));
    if (target) { target.open = true; target.scrollIntoView(); }
  };
  window.addEventListener("hashchange", open);
  open();
})();
