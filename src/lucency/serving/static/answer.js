// What is said of one film, beside its picture.

import { button, element } from "./dom.js";
import { saveJson, savePicture, saveReport } from "./downloads.js";

export function answerOf(film, model, rule, { post, tell, retry }) {
  const heading = element("h2", { id: "film-name" }, film.name);
  if (film.fault) {
    const again = film.retry ? button("Try again", () => retry(film)) : null;
    return [element("div", { class: "verdict" }, heading, element("p", { class: "fault", role: "alert" }, film.fault), again)];
  }
  const { prediction, decisions, words } = film.answer;
  const decision = decisions[rule.key];
  const asked = prediction.probability !== null;
  const trouble = element("p", { class: "fault", role: "alert" });
  const verdict = [
    heading,
    element("p", { class: "decision", "data-decision": decision }, model.headlines[decision]),
    element("p", { class: "probability" }, words.probability),
    asked ? bar(prediction.probability) : null,
  ];
  const reasons = [
    words.similar ? element("p", { class: "similar" }, words.similar) : null,
    asked ? element("p", {}, `Decided by: ${rule.name}. ${rule.meaning}`) : null,
    words.nowhere[rule.key] ? element("p", { class: "nowhere" }, words.nowhere[rule.key]) : null,
    element("p", { class: "quiet" }, words.heatmap),
    film.coloured ? key(model.heat_scale) : null,
    facts(prediction),
    ...(prediction.warnings ?? []).map((words) => element("p", { class: "warning" }, `Note: ${words}`)),
    element("p", { class: "notice" }, model.notice),
    element(
      "div",
      { class: "downloads" },
      taking("Picture (PNG)", () => savePicture(film, rule, post), tell, trouble),
      taking("Report (PDF)", () => saveReport(film, rule, post), tell, trouble),
      taking("Data (JSON)", async () => saveJson(film, model, rule), tell, trouble),
    ),
    trouble,
  ];
  return [element("div", { class: "verdict" }, ...verdict), element("div", { class: "reasons" }, ...reasons)];
}

function bar(probability) {
  const filled = element("span", {});
  filled.style.width = `${Math.max(1, 100 * probability)}%`;
  return element("div", { class: "bar", "aria-hidden": "true" }, filled);
}

function key(scale) {
  return element(
    "div",
    { class: "key" },
    element("span", { class: "ramp", role: "img", "aria-label": "Colours from none over amber to red" }),
    element("span", {}, "0"),
    element("span", {}, `${Number(scale.toPrecision(3))}+ logits`),
  );
}

function facts(prediction) {
  const { film } = prediction;
  const rows = [
    ["Body part", film.body_part?.toLowerCase()],
    ["View", film.view_position],
    ["Side", film.laterality],
    ["Film", `${film.width} × ${film.height} pixels, ${film.format}${film.bits_stored ? `, ${film.bits_stored} bit` : ""}`],
    ["Model", prediction.bundle],
    ["SHA-256", prediction.sha256],
  ];
  const list = element("dl", {});
  for (const [name, value] of rows) {
    if (value) list.append(element("div", {}, element("dt", {}, name), element("dd", {}, String(value))));
  }
  return list;
}

function taking(words, act, tell, trouble) {
  const made = button(words, async () => {
    made.disabled = true;
    trouble.textContent = "";
    try {
      await act();
      tell(`${words}: ready.`);
    } catch (error) {
      trouble.textContent = error.message;
    }
    made.disabled = false;
    made.focus();
  });
  return made;
}
