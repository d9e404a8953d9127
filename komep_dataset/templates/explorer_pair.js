// One pair, side by side, every unit with its verdict as a word, a sign and a colour.
function fillPair(box, release, row, state) {
  const { columns } = release;
  const facts = [
    ["category", release.category(row) && shown(release.category(row))], ["margin", two(columns.margin[row])],
    ["split", release.splits[columns.split[row]]], ["origin", release.origin(row)],
    ["question id", element("code", {}, columns.id[row])],
  ].filter(([, value]) => value !== "" && value !== "–");
  box.replaceChildren(
    element("p", { className: "prompt", lang: state.lang }, shown(release.question(row, state.lang))),
    element("ul", { className: "facts", role: "list" }, facts.map(([name, value]) =>
      element("li", { className: "fact" }, `${name} `, value))),
    ...changeOf(release, row),
    element("div", { className: "sides" }, ["chosen", "rejected"].map((side) => sideOf(release, row, side, state))));
}

function sideOf(release, row, side, state) {
  const units = release.units(row, side);
  const score = release.score(row, side);
  return element("section", { className: `side ${side}`, "aria-label": `${side} answer` },
    element("h3", {}, element("span", {}, element("b", {}, side), " ", shown(release.model(row, side))),
      element("span", {}, score === null ? "" : `${release.scoreName} ${two(score)}`)),
    element("div", { className: "answer", lang: state.lang }, shown(release.answer(row, side, state.lang))),
    ...(units.length ? unitList(units) : score === null ? [] : [element("p", { className: "quiet small" },
      "No units: the score was given with the answer.")]));
}

function unitList(units) {
  const counts = Object.values(VERDICTS).map(({ name }) => [units.filter((unit) => unit.name === name).length, name]);
  const told = counts.filter(([n]) => n).map(([n, name]) => `${n} ${name}`).join(", ");
  return [
    element("h4", {}, `${count(units.length, "unit")}: ${told}`),
    element("ul", { className: "units", role: "list" }, units.map((unit) =>
      element("li", { className: unit.name },
        element("span", { className: "verdict" }, `${unit.sign} ${unit.name}`),
        shown(unit.text, { lang: languageOf(unit.text) }),
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

function changeOf(release, row) {
  const change = release.changes?.[row];
  if (!change) return [];
  const { before, after } = change;
  const names = change.change === "changed" ? Object.keys({ ...before, ...after }) : [];
  const told = (value) => shown(value === undefined ? "–" : String(value));
  const values = names.map((name) =>
    element("li", {}, `${name.replaceAll("_", " ")}: `, told(before[name]), " → ", told(after[name])));
  const why = change.reasons.map((reason) => reason.replaceAll("_", " ")).join(", ");
  return [element("div", { className: "notice" },
    element("p", {}, element("span", { className: `badge ${change.change}` }, change.change),
      ` ${why || "no reason found"}${change.columns.length ? `; differs in ${change.columns.join(", ")}` : ""}`),
    ...(values.length ? [element("ul", { className: "small", role: "list" }, values)] : []))];
}
