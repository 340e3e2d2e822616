// All films in one table, to be sorted by their headings.

import { button, element } from "./dom.js";
import { saveTable } from "./downloads.js";

const COLUMNS = [
  ["File", (film) => film.name],
  ["Decision", (film, model, rule) => decided(film, model, rule)],
  ["Probability", (film) => film.answer?.prediction.probability ?? null, (film) => film.answer?.words.number],
  ["Similar films", (film) => share(film.answer?.prediction.similar)],
  ["Body part", (film) => (film.answer?.prediction.film.body_part ?? "").toLowerCase()],
];

export class FilmTable {
  constructor({ choose, clear }) {
    this.choose = choose;
    this.sorted = { column: -1, down: false };
    this.body = element("tbody", {});
    this.heads = COLUMNS.map(([name], column) =>
      element("th", { scope: "col", "aria-sort": "none" }, button(name, () => this.sort(column))),
    );
    const table = element(
      "table",
      {},
      element("caption", {}, "Films in this tab"),
      element("thead", {}, element("tr", {}, ...this.heads)),
      this.body,
    );
    this.place = element(
      "section",
      { class: "films", "aria-label": "All films", hidden: true },
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of films" }, table),
      element(
        "div",
        { class: "downloads" },
        button("Table (CSV)", () => saveTable(this.order(), this.model, this.rule)),
        button("Forget all films", clear),
      ),
    );
  }

  sort(column) {
    const again = this.sorted.column === column;
    this.sorted = { column, down: again && !this.sorted.down };
    this.heads.forEach((head, number) => {
      const said = number === column ? (this.sorted.down ? "descending" : "ascending") : "none";
      head.setAttribute("aria-sort", said);
    });
    this.show(this.films, this.model, this.rule, this.chosen);
  }

  order() {
    if (this.sorted.column < 0) return [...this.films];
    const value = (film) => COLUMNS[this.sorted.column][1](film, this.model, this.rule);
    const sign = this.sorted.down ? -1 : 1;
    return [...this.films].sort((one, other) => {
      const [left, right] = [value(one), value(other)];
      // What has no value stands at the end either way.
      if (left === null || right === null) return (left === null) - (right === null);
      if (typeof left === "number") return sign * (left - right);
      return sign * String(left).localeCompare(String(right), "en", { numeric: true });
    });
  }

  show(films, model, rule, chosen) {
    Object.assign(this, { films, model, rule, chosen });
    this.place.hidden = films.length === 0;
    const focused = this.body.querySelector("button:focus")?.dataset.film;
    this.body.replaceChildren(...this.order().map((film) => this.row(film)));
    if (focused) this.body.querySelector(`button[data-film="${focused}"]`)?.focus();
  }

  row(film) {
    const shown = film === this.chosen;
    const name = button(film.name, () => this.choose(film), { "data-film": film.number, "aria-current": shown && "true" });
    const cells = COLUMNS.slice(1).map(([heading, value, words = value]) =>
      element("td", { "data-heading": heading }, words(film, this.model, this.rule)),
    );
    return element("tr", { class: shown && "chosen" }, element("th", { scope: "row" }, name), ...cells);
  }
}

function decided(film, model, rule) {
  if (film.fault) return `No answer: ${film.fault}`;
  return film.answer ? model.headlines[film.answer.decisions[rule.key]] : "Being read";
}

function share(similar) {
  return similar ? `${similar.fractured} of ${similar.films} fractured` : "";
}
