// Takes films, asks the service about them, and shows what it says. Films stay in this tab.

import { aboutModel } from "./about.js";
import { answerOf } from "./answer.js";
import { button, element, placeOf } from "./dom.js";
import { FilmTable } from "./table.js";
import { Viewer } from "./viewer.js";

const AT_ONCE = 2;
const TRIES = 6;
const PICTURES = 30;

const films = [];
let numbered = 0;
let model;
let rule;
let chosen = null;
let asking = 0;
let told = [];
let leaving = new AbortController();

const status = element("p", { class: "status", role: "status", "aria-live": "polite" });
const input = element("input", { id: "films-input", type: "file", multiple: true, class: "unseen" });
const rules = element("select", { id: "films-rule", "aria-describedby": "films-rule-meaning" });
const meaning = element("p", { id: "films-rule-meaning", class: "quiet" });
const viewer = new Viewer();
const said = element("div", { class: "said" });
const spoken = element("p", { class: "unseen", role: "status" });
const answer = element("section", { class: "answer", "aria-label": "Answer", hidden: true }, viewer.place, said);
const table = new FilmTable({ choose: look, clear });
const about = element("details", { class: "about" });
const gated = element("p", { class: "quiet" }, "This model refuses what is unlike its training films, and may refuse drawn ones.");

class ServiceError extends Error {
  constructor(words, retry) {
    super(words);
    this.retry = retry;
  }
}

// Sends a film, waits where the service is busy, and gives the answer or one plain line.
async function post(address, film) {
  const { signal } = leaving;
  // A folder that was dropped, or a file that is gone since, is no fault of the service.
  const body = await film.arrayBuffer().catch(() => {
    throw new ServiceError("The browser cannot read this file. Choose it again; a folder cannot be taken.", false);
  });
  for (let tried = 1; ; tried += 1) {
    let reply;
    try {
      reply = await fetch(address, {
        method: "POST",
        body,
        headers: { "content-type": "application/octet-stream" },
        signal,
      });
    } catch {
      throw new ServiceError("The service cannot be reached.", true);
    }
    if (reply.ok) return reply;
    if (reply.status === 401) throw new ServiceError("Your session has ended: load the page again and type the token.", true);
    const problem = await reply.json().catch(() => ({}));
    if (reply.status !== 503) {
      throw new ServiceError(problem.detail ?? "The service could not answer.", reply.status >= 500);
    }
    if (tried === TRIES) throw new ServiceError("The service is busy. Try again in a moment.", true);
    const seconds = Math.min(20, Number(reply.headers.get("retry-after")) || 2);
    tell(`The service is busy; trying again in ${seconds} s.`);
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

async function get(address, otherwise) {
  const reply = await fetch(address).catch(() => null);
  if (!reply?.ok) throw new ServiceError(otherwise, true);
  return reply;
}

function tell(words) {
  status.textContent = words;
}

function take(given) {
  for (const file of given) {
    const film = { number: (numbered += 1), name: file.name || "pasted picture", file, waiting: true };
    films.push(film);
    if (file.size > model.most_bytes) {
      film.waiting = false;
      film.fault = `Larger than ${Math.floor(model.most_bytes / 1e6)} MB, the most that this service takes.`;
    }
  }
  if (given.length) show();
  askNext();
}

function askNext() {
  while (asking < AT_ONCE) {
    const film = films.find((one) => one.waiting);
    if (!film) break;
    film.waiting = false;
    asking += 1;
    ask(film).finally(() => {
      asking -= 1;
      askNext();
    });
  }
}

async function ask(film) {
  tell(progress());
  try {
    await read(film);
  } catch (error) {
    delete film.answer;
    film.fault = error.message;
    film.retry = Boolean(error.retry);
  }
  if (!films.includes(film)) return;
  tell(progress());
  if (chosen === null || chosen === film) choose(film);
  else show();
}

async function read(film) {
  const { view, ...answer } = await (await post("/page/films", film.file)).json();
  film.answer = answer;
  film.coloured = Boolean(view.heatmap);
  film.view = view;
  // The pictures of many films would fill the memory of a tab; what is dropped is read again when it is wanted.
  const held = films.filter((one) => one.view && one !== film && one !== chosen);
  for (const one of held.slice(0, Math.max(0, held.length - PICTURES))) delete one.view;
  if (answer.prediction.bundle !== model.bundle) await learnModel();
}

function progress() {
  const count = (number) => (number === 1 ? "1 film" : `${number} films`);
  const answered = films.filter((film) => film.answer).length;
  const faults = films.filter((film) => film.fault).length;
  const words = `${faults ? `, ${faults} without an answer` : ""}.`;
  if (answered + faults === films.length) return `${count(answered)} answered${words}`;
  return `Reading films: ${answered} of ${count(films.length)} answered${words}`;
}

function look(film) {
  choose(film);
  if (answer.getBoundingClientRect().top < 0) answer.scrollIntoView();
}

async function choose(film) {
  chosen = film;
  viewer.clear();
  show();
  if (!film.answer) return;
  try {
    if (!film.view) await (film.reading ??= read(film).finally(() => delete film.reading));
    // Another film may have been chosen meanwhile.
    if (film !== chosen || !film.view) return;
    show();
    await viewer.show(film.view, model.heat_scale, film.name);
  } catch (error) {
    if (film === chosen) tell(error.message);
  }
}

function clear() {
  films.length = 0;
  chosen = null;
  leaving.abort();
  leaving = new AbortController();
  viewer.clear();
  tell("All films are forgotten.");
  show();
  input.focus();
}

function retry(film) {
  for (const part of ["fault", "answer", "view"]) delete film[part];
  film.waiting = true;
  show();
  askNext();
}

function show() {
  const ready = chosen && (chosen.answer || chosen.fault);
  answer.hidden = !ready;
  viewer.place.hidden = !chosen?.answer;
  const telling = ready ? [chosen, chosen.fault ?? chosen.answer, rule] : [];
  // Made anew for each film of a batch, it would take the focus from its buttons.
  if (telling.length !== told.length || telling.some((one, place) => one !== told[place])) {
    said.replaceChildren(...(ready ? answerOf(chosen, model, rule, { post, tell, retry }) : []));
    told = telling;
  }
  // Said again only where it is another sentence.
  const words = chosen ? sentence(chosen) : "";
  if (spoken.textContent !== words) spoken.textContent = words;
  table.show(films, model, rule, chosen);
}

function sentence({ name, answer, fault }) {
  if (fault) return `${name}: No answer. ${fault}`;
  return answer ? `${name}: ${model.headlines[answer.decisions[rule.key]]}. ${answer.words.probability}` : `${name}: Being read.`;
}

async function learnModel() {
  const words = "The service does not say which model answers. Load the page again.";
  model = await (await get("/page/model", words)).json();
  rule = model.rules.find((one) => one.key === rule?.key) ?? model.rules[0];
  rules.replaceChildren(...model.rules.map((one) => element("option", { value: one.key }, one.name)));
  decideBy(rule.key);
  about.replaceChildren(...aboutModel(model));
  gated.hidden = !model.gate;
  // Answers of two models do not belong in one table.
  for (const film of films) if (film.answer && film.answer.prediction.bundle !== model.bundle) retry(film);
}

function decideBy(key) {
  rule = model.rules.find((one) => one.key === key);
  rules.value = key;
  meaning.textContent = rule.meaning;
}

function listen() {
  rules.addEventListener("change", () => {
    decideBy(rules.value);
    show();
  });
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  document.addEventListener("click", (event) => {
    const sample = event.target.closest?.("[id^=lucency-sample-]");
    if (sample) takeSample(sample.id.slice("lucency-sample-".length), sample.textContent.trim());
  });
  document.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length) return;
    event.preventDefault();
    take(pasted);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

async function takeSample(number, name) {
  try {
    const drawn = await (await get(`/page/samples/${number}`, "The drawn film cannot be fetched. Try again.")).blob();
    take([new File([drawn], name, { type: "image/png" })]);
  } catch (error) {
    tell(error.message);
  }
}

async function start() {
  const taking = await placeOf("lucency-take");
  try {
    await learnModel();
  } catch (error) {
    taking.append(element("p", { class: "fault", role: "alert" }, error.message));
    return;
  }
  const words = element(
    "label",
    { for: "films-input", class: "drop" },
    element("span", { class: "choose" }, "Choose films"),
    element("span", { class: "for-mouse" }, "or drop them anywhere on this page, or paste a picture (Ctrl+V)"),
    element("span", { class: "quiet" }, "DICOM, JPEG, PNG, TIFF; 8 to 16 bit; several at a time"),
  );
  taking.append(input, words, status, spoken);
  (await placeOf("lucency-samples")).append(gated);
  (await placeOf("lucency-rule")).append(element("label", { for: "films-rule" }, "Decide by"), rules, meaning);
  (await placeOf("lucency-film")).append(answer);
  (await placeOf("lucency-table")).append(table.place);
  (await placeOf("lucency-model")).append(about);
  if (model.locked) {
    const leave = element("form", { method: "post", action: "/logout" }, element("button", {}, "Log out"));
    (await placeOf("lucency-leave")).append(leave);
  }
  listen();
  document.body.dataset.ready = "yes";
}

start();
