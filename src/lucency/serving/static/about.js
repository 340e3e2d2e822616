// What the page tells of the model, at its end.

import { element } from "./dom.js";

export function aboutModel(model) {
  const figures = element("dl", {});
  for (const [name, words] of model.figures) {
    figures.append(element("div", {}, element("dt", {}, name), element("dd", {}, words)));
  }
  return [
    element("summary", {}, `About the model ${model.bundle}`),
    element("p", {}, model.intended_use),
    figures,
    model.limits.length ? element("ul", {}, ...model.limits.map((words) => element("li", {}, words))) : "",
    element("p", { class: "quiet" }, `Licence: ${model.licence}`),
    element("p", {}, element("a", { href: "/v1/model" }, "Its whole card (JSON)")),
  ];
}
