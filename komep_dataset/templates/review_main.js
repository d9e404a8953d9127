// The page: one pair at a time, the verdict below it.
const sheet = new Sheet(JSON.parse($("data").textContent));
const AUTOSAVE = 10; // changes after which a browser that keeps nothing downloads a file
let [current, words, file, sources] = [0, WORDS.ko, null, true];

function tell(kind, ...of) {
  $("storage").textContent = typeof words[kind] === "function" ? words[kind](...of) : words[kind];
  $("storage").hidden = false;
  $("storage").dataset.kind = kind;
}

// Says that nothing is kept, for as long as it is so.
function tellStorage() {
  if (!sheet.stored) tell("noStorage");
  else if ($("storage").dataset.kind === "noStorage") $("storage").hidden = true;
}

function setLanguage(name) {
  [words, speaking] = [WORDS[name], name];
  document.documentElement.lang = name;
  remember("komep-language", name);
  for (const box of document.querySelectorAll("[data-word]")) box.textContent = words[box.dataset.word];
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === name));
  for (const id of ["back", "on"]) $(id).setAttribute("aria-label", words[id]);
  tellStorage();
  show(current, { focus: false });
}

function set(name, value) {
  sheet.set(current, name, value);
  changed();
}

// After a choice, or when a text field is left.
function changed() {
  sheet.changes += 1;
  progress();
  if (file) return writeFile();
  tellStorage();
  return !sheet.stored && sheet.changes >= AUTOSAVE && download();
}

function progress() {
  const n = sheet.pairs.filter((_, place) => sheet.isDone(place)).length;
  [$("bar").max, $("bar").value] = [sheet.pairs.length, n];
  $("done").textContent = words.done(n, sheet.pairs.length);
  for (const button of document.querySelectorAll("[data-better]")) {
    button.setAttribute("aria-pressed", String(sheet.of(current).better === button.dataset.better));
  }
}

function show(place, { focus = true } = {}) {
  current = Math.max(0, Math.min(sheet.pairs.length - 1, place));
  $("pair").replaceChildren(...pairOf(current));
  $("back").disabled = current === 0;
  $("on").disabled = current === sheet.pairs.length - 1;
  progress();
  if (!focus) return;
  scrollTo(0, 0);
  $("pair").querySelector(".pair-head").focus({ preventScroll: true });
}

function unjudged() {
  const after = sheet.pairs.map((_, i) => (current + 1 + i) % sheet.pairs.length);
  const next = after.find((place) => !sheet.isDone(place));
  if (next !== undefined) show(next);
}

// A field whose text is kept with every letter.
function field(name, properties) {
  const area = element("textarea", { value: sheet.of(current)[name] ?? "", ...properties });
  area.addEventListener("input", () => {
    sheet.set(current, name, area.value);
    if (!file) tellStorage();
  });
  area.addEventListener("change", changed);
  return area;
}

// A text in one language or two, with a field for the corrected translation.
function textOf(row, name) {
  const column = `corrected_${name}`;
  const [english, korean] = [row[`${name}_source`], row[`${name}_korean`]];
  const main = korean || english;
  const both = [element("div", { className: name === "prompt" ? "prompt" : "answer", dir: "auto", lang: languageOf(main) }, shown(main))];
  if (row.origin !== "translated") return both;
  both.push(element("details", { className: "source", open: sources }, element("summary", {}, words.source),
    element("div", { lang: "en", dir: "auto" }, shown(english))));
  const corrected = name === "prompt" ? words.question : name.toUpperCase();
  const area = field(column, { "aria-label": `${words.corrected}, ${corrected}`, lang: "ko", hidden: !sheet.of(current)[column] });
  const button = element("button", { type: "button" }, words.correct);
  button.addEventListener("click", () => {
    if (area.hidden && !area.value) area.value = korean;
    area.hidden = false;
    area.focus();
  });
  return [...both, element("div", { className: "fixing" }, button), area];
}

// Choices of which one holds; the one that holds, pressed again, is taken back.
function three(name, label, options, held, choose) {
  const box = element("fieldset", { className: "mark" }, element("legend", {}, label));
  box.append(element("span", { className: "three" }, options.map(([value, word]) => {
    const input = element("input", { type: "radio", name, value, checked: value === held });
    input.addEventListener("click", () => {
      held = value === held ? "" : value;
      input.checked = Boolean(held);
      choose(held);
    });
    return element("label", {}, input, element("span", {}, word));
  })));
  return box;
}

function marksOf(place, letter) {
  const units = sheet.pairs[place].units[letter];
  if (!units.length) return [];
  const options = [["true", words.true], ["false", words.false], ["unsure", words.cannot]];
  const given = sheet.marks(place, letter);
  return [element("div", { className: "marks" }, element("h3", {}, words.statements), units.map((text, n) =>
    three(`${letter}${n + 1}`, shown(text, { lang: languageOf(text) }), options, given[n + 1],
      (value) => { sheet.mark(place, letter, n + 1, value); changed(); })))];
}

function pairOf(place) {
  const { row, passages } = sheet.pairs[place];
  const said = sheet.of(place);
  const parts = [
    element("div", { className: "pair-head", tabIndex: -1 }, element("h1", {}, words.place(place + 1, sheet.pairs.length)),
      shown(row.category), element("span", {}, words[row.origin]), element("code", {}, row.pair_id)),
    element("section", { className: "asked" }, element("h2", {}, words.question), textOf(row, "prompt")),
    element("div", { className: "sides" }, ["a", "b"].map((letter) => element("section", { className: `side ${letter}` },
      element("h2", {}, `${words.answer} ${letter.toUpperCase()}`), textOf(row, letter), marksOf(place, letter)))),
  ];
  if (passages.length) {
    parts.push(element("details", { className: "passages" }, element("summary", {}, words.passages), passages.map(([title, id, url, text]) =>
      element("blockquote", { lang: languageOf(text) }, shown(text), element("cite", {}, [...new Set([title, id, url])].filter(Boolean).flatMap((one) => [" ", shown(one)]))))));
  }
  const comment = field("comment", { id: "comment", rows: 2 });
  const below = [element("div", {}, element("label", { htmlFor: "comment" }, words.comment), comment)];
  if (row.origin === "translated") {
    below.unshift(three("translation_ok", words.translation, [["yes", words.yes], ["no", words.no]], said.translation_ok,
      (value) => set("translation_ok", value)));
  }
  return [...parts, element("div", { className: "below" }, below)];
}

function toggleSources() {
  sources = !sources;
  for (const one of document.querySelectorAll(".source")) one.open = sources;
}

function choose(name, value) {
  const input = document.querySelector(`input[name="${name}"][value="${value}"]`);
  if (input && !input.checked) input.click();
}

// A key on a statement: marks it and goes on, or moves.
function markKey(key, event) {
  const boxes = [...document.querySelectorAll(".marks fieldset")];
  const place = boxes.indexOf(event.target.closest?.(".marks fieldset"));
  if (place < 0) return false;
  const value = { o: "true", x: "false", d: "unsure" }[key];
  if (key === "Backspace") boxes[place].querySelector("input:checked")?.click();
  const by = value || event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (value) choose(boxes[place].querySelector("input").name, value);
  if (by) toStatement(boxes[Math.max(0, Math.min(place + by, boxes.length - 1))]);
  return by !== 0;
}

function toStatement(box) {
  (box?.querySelector("input:checked") ?? box?.querySelector("input"))?.focus();
}

const KEYS = {
  1: () => set("better", "A"), 2: () => set("better", "B"), 3: () => set("better", "same"), 4: () => set("better", "unsure"), 0: () => set("better", ""),
  5: () => choose("translation_ok", "yes"), 6: () => choose("translation_ok", "no"),
  j: () => show(current + 1), k: () => show(current - 1), ArrowRight: () => show(current + 1), ArrowLeft: () => show(current - 1),
  n: unjudged, m: () => toStatement(document.querySelector(".marks fieldset")), e: toggleSources, c: () => $("comment").focus(),
  w: () => download(), "?": () => $("keys").showModal(),
};

// A letter by its place on the keyboard where the keyboard writes Hangul.
function letterOf(event) {
  if (event.key.length > 1 && event.key !== "Process") return event.key;
  return /^[ -~]$/.test(event.key) ? event.key.toLowerCase() : event.code.replace(/^Key/, "").toLowerCase();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const writing = event.target.matches?.("textarea, #reviewer");
  if (writing && event.key === "Escape") $("pair").querySelector(".pair-head").focus();
  if (writing) return;
  const key = letterOf(event);
  if (markKey(key, event)) return event.preventDefault();
  if (!KEYS[key] || (key.startsWith("Arrow") && event.target.type === "radio")) return;
  event.preventDefault();
  KEYS[key]();
}

function download() {
  const link = element("a", { download: `review-${sheet.reviewer.replace(/[^\p{L}\p{N}._-]+/gu, "-") || sheet.sheet}.csv` });
  link.href = URL.createObjectURL(new Blob([sheet.csv()], { type: "text/csv;charset=utf-8" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  sheet.saved();
}

// Every change goes to a file that was picked once, where the browser can do that.
async function keepInFile() {
  try {
    file = await showSaveFilePicker({ suggestedName: `review-${sheet.reviewer}.csv`, types: [{ accept: { "text/csv": [".csv"] } }] });
  } catch { return; }
  $("keys").close();
  if (await writeFile()) tell("keptIn", file.name);
}

let writing = Promise.resolve(true);
function writeFile() {
  writing = writing.then(async () => {
    try {
      const stream = await file.createWritable();
      await stream.write(sheet.csv());
      await stream.close();
      sheet.saved();
      return true;
    } catch {
      tell("notKept", file.name);
      return false;
    }
  });
  return writing;
}

async function load(event) {
  const [given] = event.target.files;
  if (!given) return;
  const taken = sheet.take(decoded(await given.arrayBuffer()));
  event.target.value = "";
  $("keys").close();
  if (taken < 0) tell("foreign", given.name);
  else tell("loaded", taken, given.name);
  if (!sheet.stored) {
    $("storage").append(` ${words.noStorage}`);
    $("storage").dataset.kind = "noStorage";
  }
  $("reviewer").value = sheet.reviewer;
  show(current);
}

$("reviewer").value = sheet.reviewer;
$("reviewer").addEventListener("input", () => {
  sheet.reviewer = $("reviewer").value.trim();
  sheet.keep();
  if (!file) tellStorage();
});
for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => setLanguage(button.dataset.language));
for (const button of document.querySelectorAll("[data-better]")) button.addEventListener("click", () => set("better", button.dataset.better));
$("back").addEventListener("click", () => show(current - 1));
$("on").addEventListener("click", () => show(current + 1));
$("save").addEventListener("click", download);
$("help").addEventListener("click", () => $("keys").showModal());
document.querySelector("[data-close]").addEventListener("click", () => $("keys").close());
$("keep").addEventListener("click", keepInFile);
$("keep").hidden = typeof showSaveFilePicker === "undefined";
$("load").addEventListener("change", load);
addEventListener("keydown", press);
addEventListener("storage", ({ key }) => {
  if (key !== sheet.slot) return;
  sheet.restore();
  show(current, { focus: false });
});
addEventListener("beforeunload", (event) => { if (sheet.dirty && !sheet.stored) event.preventDefault(); });

setLanguage(firstLanguage());
show(Math.max(0, sheet.pairs.findIndex((_, place) => !sheet.isDone(place))), { focus: false });
document.documentElement.dataset.ready = "yes";
