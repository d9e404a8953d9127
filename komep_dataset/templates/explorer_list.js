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
  const badge = change && change !== "same" ? [element("span", { className: `badge ${change}` }, change)] : [];
  const models = ["chosen", "rejected"].map((side) =>
    element("td", { className: "wide-only" }, shown(release.model(row, side)),
      element("span", { className: "meta" }, two(release.score(row, side)))));
  const meter = element("i");
  meter.style.width = `${Math.min(1, Math.max(0, margin)) * 100}%`;
  const narrow = element("span", { className: "meta narrow" }, ...(release.models.length
    ? [shown(release.model(row, "chosen")), " over ", shown(release.model(row, "rejected"))] : []));
  const made = element("tr", {},
    element("td", {},
      element("a", { className: "open", href: link(row), lang: state.lang }, shown(release.question(row, state.lang))),
      element("span", { className: "meta" }, ...badge, shown(release.category(row))), narrow),
    ...models,
    element("td", { className: "n" }, two(margin), element("span", { className: "meter" }, meter)),
    element("td", { className: "wide-only" }, release.splits[columns.split[row]],
      element("span", { className: "meta" }, release.origin(row))));
  made.dataset.row = row;
  return made;
}

function fillSelect(select, names, chosen) {
  if (select.options.length !== names.length + 1) {
    select.replaceChildren(element("option", { value: "" }, "all"),
      ...names.map((name) => element("option", { value: name }, name.replace(HIDDEN, "·"))));
  }
  select.value = names.includes(chosen) ? chosen : "";
}

function sayCount(found, release, state) {
  const inLanguage = release.columns.languages.filter((_, row) =>
    release.has(row, state.lang) && release.change(row) !== "removed").length;
  const label = state.lang === "ko" ? "in Korean" : "in English";
  if (!found.length) return `No pair matches, of ${inLanguage.toLocaleString("en")} ${label}`;
  if (found.length === inLanguage && !state.change) return `${count(found.length, "pair")} ${label}`;
  return `${count(found.length, "pair")} of ${inLanguage.toLocaleString("en")} ${label}`;
}
