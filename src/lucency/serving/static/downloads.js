// What can be taken away. Names of files hold a piece of the film's hash, never the name that it came with.

export function save(content, kind, name) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function stem(film) {
  return `lucency-${film.answer.prediction.sha256.slice(0, 12)}`;
}

export function saveJson(film, model, rule) {
  const { operating_point: point, error_rate: rate, possible, ...prediction } = film.answer.prediction;
  const decided = { ...prediction, decision: film.answer.decisions[rule.key], operating_point: null, ...rule.asked };
  // Which answers are possible belongs to the rate of errors that the service was asked for.
  if (possible && rule.asked.error_rate === rate) decided.possible = possible;
  const whole = { notice: model.notice, bundle: prediction.bundle, predictions: [decided] };
  save(JSON.stringify(whole, null, 2), "application/json", `${stem(film)}.json`);
}

export async function savePicture(film, rule, post) {
  const asked = new URLSearchParams({ include: "overlay", ...rule.asked });
  const said = await (await post(`/v1/predictions?${asked}`, film.file)).json();
  const bytes = Uint8Array.from(atob(said.predictions[0].overlay), (letter) => letter.charCodeAt(0));
  save(bytes, "image/png", `${stem(film)}.png`);
}

export async function saveReport(film, rule, post) {
  const said = await post(`/page/report?${new URLSearchParams({ rule: rule.key })}`, film.file);
  save(await said.blob(), "application/pdf", `${stem(film)}.pdf`);
}

const COLUMNS = [
  ["file", (film) => film.name],
  ["sha256", (film) => film.answer?.prediction.sha256],
  ["decision", (film, rule) => film.answer?.decisions[rule.key]],
  ["probability", (film) => film.answer?.prediction.probability],
  ["rule", (film, rule) => (film.answer ? rule.key : "")],
  ["similar_films", (film) => film.answer?.prediction.similar?.films],
  ["similar_fractured", (film) => film.answer?.prediction.similar?.fractured],
  ["body_part", (film) => film.answer?.prediction.film.body_part],
  ["warnings", (film) => film.answer?.prediction.warnings?.join(" ")],
  ["error", (film) => film.fault],
  ["bundle", (film) => film.answer?.prediction.bundle],
];

export function saveTable(films, model, rule) {
  const rows = [[...COLUMNS.map(([name]) => name), "notice"]];
  for (const film of films) rows.push([...COLUMNS.map(([, value]) => value(film, rule) ?? ""), model.notice]);
  save(rows.map((row) => `${row.map(cell).join(",")}\r\n`).join(""), "text/csv", "lucency-films.csv");
}

function cell(value) {
  let text = String(value);
  // A program for tables would take it for a formula.
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
