// The list of pairs: fifty rows at a time, whatever the release's size.
const PAGE = 50;

function fillRows(body, release, rows, state, link) {
  const first = (Number(state.page) - 1) * PAGE;
  body.replaceChildren(...rows.slice(first, first + PAGE).map((row) => listRow(release, row, state, link)));
}

function listRow(release, row, state, link) {
  const { columns } = release;
  const margin = columns.margin[row];
  const change = release.change(row);
  const badge = change && change !== "same" ? [element("span", { className: `badge ${change}` }, say(change))] : [];
  const words = searched(state);
  const models = ["chosen", "rejected"].map((side) =>
    element("td", { className: "wide-only" }, shown(release.model(row, side), {}, words),
      element("span", { className: "meta" }, two(release.score(row, side)))));
  const meter = element("i");
  meter.style.width = `${Math.min(1, Math.max(0, margin)) * 100}%`;
  const narrow = element("span", { className: "meta narrow" }, ...(release.models.length
    ? [shown(release.model(row, "chosen"), {}, words), say(" over "), shown(release.model(row, "rejected"), {}, words)]
    : []));
  const made = element("tr", {},
    element("td", {},
      element("a", { className: "open", href: link(row), lang: state.lang },
        shown(beginning(release.question(row, state.lang)), {}, words)),
      ...hit(release, row, state, words),
      element("span", { className: "meta" }, ...badge, shown(release.category(row), {}, words)), narrow),
    ...models,
    element("td", { className: "n" }, two(margin), element("span", { className: "meter" }, meter)),
    element("td", { className: "wide-only" }, release.splits[columns.split[row]],
      element("span", { className: "meta" }, say(release.origin(row)))));
  made.dataset.row = row;
  return made;
}

const BEGINNING = 240; // characters of a question that the list shows
const AROUND = 40; // characters before a word that was found, and twice as many after it

function beginning(text, from = 0, length = BEGINNING) {
  const part = text.slice(from, from + length);
  return (from ? "…" : "") + part.trim() + (from + length < text.length ? "…" : "");
}

// Where a word of the search stands in an answer, if the row does not show it otherwise.
function hit(release, row, state, words) {
  const missing = words.filter((word) => !plain([beginning(release.question(row, state.lang)), release.category(row),
    release.model(row, "chosen"), release.model(row, "rejected")].join("\n")).includes(word));
  for (const side of missing.length ? ["question", "chosen", "rejected"] : []) {
    const text = side === "question" ? release.question(row, state.lang) : release.answer(row, side, state.lang);
    const place = plain(text).indexOf(missing[0]);
    if (place < 0) continue;
    return [element("span", { className: "meta hit", lang: state.lang }, `${say(side)}: `,
      shown(beginning(text.normalize("NFC"), Math.max(0, place - AROUND), 3 * AROUND), {}, words))];
  }
  return [];
}

// `names`: values, or pairs of a value and what is shown for it.
function fillSelect(select, names, chosen, first = say("all")) {
  const pairs = names.map((name) => Array.isArray(name) ? name : [name, name.replace(HIDDEN, "·")]);
  select.replaceChildren(element("option", { value: "" }, first),
    ...pairs.map(([value, label]) => element("option", { value }, label)));
  select.value = pairs.some(([value]) => value === chosen) ? chosen : "";
}

function orders(release) {
  const named = release.models.length > 0, scored = release.columns.margin.some((one) => one !== null);
  return [
    ...(scored ? [["-margin", say("margin, largest first")], ["margin", say("margin, smallest first")],
      ["-score", say("score of the chosen answer")]] : []),
    ["question", say("question, A to Z")],
    ...(named ? [["chosen", say("chosen model")], ["rejected", say("rejected model")]] : []),
    ...(release.categories.length > 1 ? [["category", say("category")]] : []),
    ["length", say("length, shortest first")], ["-length", say("length, longest first")],
  ];
}

function sayCount(found, release, state) {
  const inLanguage = release.columns.languages.filter((_, row) =>
    release.has(row, state.lang) && release.change(row) !== "removed").length;
  const values = { n: number(found.length), all: number(inLanguage) };
  const korean = state.lang === "ko";
  if (!found.length) {
    return korean ? say("No pair matches, of {all} in Korean", values) : say("No pair matches, of {all} in English", values);
  }
  if (found.length < inLanguage || state.change) {
    return korean ? say("{n} of {all} pairs in Korean", values) : say("{n} of {all} pairs in English", values);
  }
  if (found.length === 1) return korean ? say("1 pair in Korean") : say("1 pair in English");
  return korean ? say("{n} pairs in Korean", values) : say("{n} pairs in English", values);
}
