// One pair, side by side, every unit with its verdict as a word, a sign and a colour.
function fillPair(box, release, row, state) {
  const { columns } = release;
  const words = searched(state);
  const facts = [
    [say("category"), release.category(row) && shown(release.category(row), {}, words)],
    [say("margin"), two(columns.margin[row])], [say("split"), release.splits[columns.split[row]]],
    [say("origin"), say(release.origin(row))], [say("question id"), element("code", {}, columns.id[row])],
  ].filter(([, value]) => value !== "" && value !== "–");
  box.replaceChildren(
    element("p", { className: "prompt", lang: state.lang, dir: "auto" }, shown(release.question(row, state.lang), {}, words, "span")),
    element("ul", { className: "facts", role: "list" }, facts.map(([name, value]) =>
      element("li", { className: "fact" }, `${name} `, value))),
    ...changeOf(release, row, state),
    element("div", { className: "sides" }, ["chosen", "rejected"].map((side) => sideOf(release, row, side, state, words))));
}

function sideOf(release, row, side, state, words) {
  const units = release.units(row, side);
  const score = release.score(row, side);
  const label = side === "chosen" ? say("chosen answer") : say("rejected answer");
  return element("section", { className: `side ${side}`, "aria-label": label },
    element("h3", {}, element("span", {}, element("b", {}, say(side)), " ", shown(release.model(row, side), {}, words)),
      element("span", {}, score === null ? "" : `${say(release.scoreName)} ${two(score)}`)),
    element("div", { className: "answer", lang: state.lang, dir: "auto" },
      shown(release.answer(row, side, state.lang), {}, words, "span")),
    ...(units.length ? unitList(units, state, words) : score === null ? [] : [element("p", { className: "quiet small" },
      say("No units: the score was given with the answer."))]));
}

// Units stand in the language in which they were judged, whichever the answer is read in; where it is the other one, that is said.
function unitList(units, state, words) {
  const counts = Object.values(VERDICTS).map(({ name }) => [units.filter((unit) => unit.name === name).length, name]);
  const told = counts.filter(([n]) => n).map(([n, name]) => `${say(name)} ${n}`).join(", ");
  const other = units.every((unit) => languageOf(unit.text) !== state.lang);
  const note = !other ? "" : state.lang === "ko" ? say(" (judged in English)") : say(" (judged in Korean)");
  return [
    element("h4", {}, say("units: {n}", { n: units.length }) + ` (${told})${note}`),
    element("ul", { className: "units", role: "list" }, units.map((unit) =>
      element("li", { className: unit.name },
        element("span", { className: "verdict" }, `${unit.sign} ${say(unit.name)}`),
        shown(unit.text, { lang: languageOf(unit.text) }, words),
        ...(unit.sources ? [sourceList(unit.sources)] : [])))),
  ];
}

// What a verdict rests on. A link leads where the data say only if that is an address of the web.
function sourceList(sources) {
  const why = sources.find((one) => one.why)?.why;
  return element("div", { className: "cited" },
    ...(why ? [element("p", { className: "quiet" }, why)] : []),
    ...sources.filter((one) => one.id).map((one) => element("blockquote", {},
      shown(one.quotation, { lang: languageOf(one.quotation) }),
      element("cite", {}, ...(one.title ? [shown(one.title), " "] : []), element("code", {}, shown(one.id)),
        ...(/^https?:[/][/]/i.test(one.url) ? [" ", element("a",
          { href: one.url, target: "_blank", rel: "noopener noreferrer" }, shown(one.url))]
          : one.url ? [" ", shown(one.url)] : [])))));
}

function changeOf(release, row, state) {
  const change = release.changes?.[row];
  if (!change) return [];
  const { before, after } = change;
  const spoken = (name) => say(name.replaceAll("_", " "));
  const names = change.change === "changed" ? Object.keys({ ...before, ...after }) : [];
  const told = (value) => shown(value === undefined ? "–" : String(value));
  const values = names.map((name) => element("li", {}, `${spoken(name)}: `, told(before[name]), " → ", told(after[name])));
  const why = change.reasons.map(spoken).join(", ") || say("no reason found");
  const where = change.columns.length ? `; ${say("differs in {names}", { names: change.columns.map(spoken).join(", ") })}` : "";
  return [element("div", { className: "notice" },
    element("p", {}, element("span", { className: `badge ${change.change}` }, say(change.change)), ` ${why}${where}`),
    ...(values.length ? [element("ul", { className: "small", role: "list" }, values)] : []),
    ...textChanges(release, row, change.was?.[state.lang], state.lang))];
}

// The texts that a changed pair had before against those it has, word by word.
function textChanges(release, row, was, lang) {
  if (!was) return [];
  const now = { prompt: release.question(row, lang), chosen: release.answer(row, "chosen", lang),
    rejected: release.answer(row, "rejected", lang) };
  return Object.keys(now).filter((name) => was[name] !== now[name]).map((name) =>
    element("details", { open: true, className: "differs" }, element("summary", {}, say("{name}: text before and now", { name: say(name) })),
      element("p", { lang, dir: "auto" }, wordDiff(was[name], now[name]).map(([kind, text]) =>
        shown(text, {}, [], kind || "span")))));
}

const MOST_CELLS = 4e6; // of the table that finds common words; longer texts are shown one after the other

// What two texts have in common and what not, as [kind, text]: `del`, `ins`, or "" for both.
function wordDiff(before, now) {
  const [a, b] = [before, now].map((text) => text.split(/(\s+)/).filter(Boolean));
  let start = 0, end = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const [x, y] = [a, b].map((words) => words.slice(start, words.length - end));
  const middle = x.length * y.length > MOST_CELLS ? [["del", x.join("")], ["ins", y.join("")]] : commonWords(x, y);
  const all = [["", a.slice(0, start).join("")], ...middle, ["", a.slice(a.length - end).join("")]];
  const joined = [];
  for (const [kind, text] of all) {
    if (!text) continue;
    if (joined.at(-1)?.[0] === kind) joined.at(-1)[1] += text;
    else joined.push([kind, text]);
  }
  return joined;
}

function commonWords(x, y) { // by the common subsequence with most letters
  const best = Array.from({ length: x.length + 1 }, () => new Uint32Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = y.length - 1; j >= 0; j--) {
      best[i][j] = x[i] === y[j] ? best[i + 1][j + 1] + x[i].length : Math.max(best[i + 1][j], best[i][j + 1]);
    }
  }
  const found = [];
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) found.push(["", x[i++]]), j++;
    else if (j >= y.length || (i < x.length && best[i + 1][j] >= best[i][j + 1])) found.push(["del", x[i++]]);
    else found.push(["ins", y[j++]]);
  }
  return found;
}
