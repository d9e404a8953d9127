// The data block, unpacked: numbers by column, texts by language. No text of the data ever becomes markup.
const VERDICTS = {
  t: { name: "true", sign: "✓" },
  f: { name: "false", sign: "✗" },
  u: { name: "unknown", sign: "?" },
};
const WHY = {
  not_addressed: () => say("the passages do not decide"),
  contradictory: () => say("the passages contradict each other"),
  unread: () => say("no readable verdict that names a passage it was shown"),
  disagreed: () => say("votes or judges disagree"),
};

function sourcesOf(cited, unit) {
  return cited.filter((one) => one[0] === unit).map(([, reason, id, title, url, quotation]) =>
    ({ why: WHY[reason]?.() ?? reason, id, title, url, quotation }));
}

const CHANGES = ["same", "added", "changed", "removed"];

async function readData() {
  const text = document.getElementById("data").textContent;
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Release(JSON.parse(await new Response(stream).text()));
}

class Release {
  constructor(data) {
    Object.assign(this, data);
    this.size = data.columns.id.length;
    this.haystacks = {};
    this.places = new Map();
    for (let row = 0; row < this.size; row++) this.places.set(this.key(row), row);
  }

  key(row) {
    const { id, chosenModel, rejectedModel } = this.columns;
    return [id[row], this.models[chosenModel[row]], this.models[rejectedModel[row]]].join("/");
  }

  has(row, language) {
    return (this.columns.languages[row] & (language === "ko" ? 1 : 2)) !== 0;
  }

  question(row, language) {
    return this.questions[language][this.columns.question[row]] ?? "";
  }

  answer(row, side, language) {
    const place = this.columns[side][row];
    return (language === "ko" ? this.korean[place] : this.english[place][0]) ?? "";
  }

  units(row, side) {
    const [, verdicts, ...texts] = this.english[this.columns[side][row]];
    const cited = this.sources?.[this.columns[side][row]] ?? [];
    return texts.map((text, i) => ({
      text, ...VERDICTS[verdicts[i]], ...(cited.length ? { sources: sourcesOf(cited, i) } : {}),
    }));
  }

  model(row, side) {
    return this.models[this.columns[side + "Model"][row]] ?? "";
  }

  score(row, side) {
    return this.columns[side + "Score"][row];
  }

  category(row) {
    return this.categories[this.columns.category[row]] ?? "";
  }

  origin(row) {
    return this.origins[this.columns.origin[row]] ?? "";
  }

  change(row) {
    return this.changes ? this.changes[row]?.change ?? "same" : "";
  }

  // What the search looks at, made once a language: both answers and the question, NFC, lower case.
  haystack(language) {
    if (!this.haystacks[language]) {
      this.haystacks[language] = Array.from({ length: this.size }, (_, row) =>
        this.has(row, language)
          ? plain([this.question(row, language), this.answer(row, "chosen", language),
            this.answer(row, "rejected", language), this.category(row), this.model(row, "chosen"),
            this.model(row, "rejected"), this.columns.id[row]].join("\n"))
          : "");
    }
    return this.haystacks[language];
  }
}

// A score or margin; sets of others may have none.
function two(value) {
  return value === null ? "–" : value.toFixed(2);
}

function plain(text) {
  return text.normalize("NFC").toLowerCase();
}

function searched(state) {
  return plain(state.q).split(/\s+/).filter(Boolean);
}

// Rows that pass every filter, sorted. All words of the search must occur.
function matches(release, state) {
  const words = searched(state);
  const haystack = words.length ? release.haystack(state.lang) : null;
  const { columns } = release;
  const wanted = [
    ["category", release.categories], ["chosenModel", release.models], ["rejectedModel", release.models],
    ["split", release.splits], ["origin", release.origins],
  ].filter(([name]) => state[name]).map(([name, names]) => [columns[name], names.indexOf(state[name])]);
  const low = state.min === "" ? -Infinity : Number(state.min);
  const high = state.max === "" ? Infinity : Number(state.max);
  const found = [];
  for (let row = 0; row < release.size; row++) {
    if (!release.has(row, state.lang) || columns.margin[row] < low || columns.margin[row] > high) continue;
    if (wanted.some(([column, value]) => column[row] !== value)) continue;
    if (state.change ? release.change(row) !== state.change : release.change(row) === "removed") continue;
    if (haystack && !words.every((word) => haystack[row].includes(word))) continue;
    found.push(row);
  }
  return sorted(release, found, state);
}

function sorted(release, rows, { sort, lang }) {
  if (!sort) return rows;
  const sign = sort.startsWith("-") ? -1 : 1, name = sort.replace("-", "");
  const order = new Intl.Collator([lang, "en"], { numeric: true });
  const value = {
    question: (row) => release.question(row, lang),
    chosen: (row) => release.model(row, "chosen"),
    rejected: (row) => release.model(row, "rejected"),
    margin: (row) => release.columns.margin[row],
    category: (row) => release.category(row),
    score: (row) => release.score(row, "chosen"),
    length: (row) => release.answer(row, "chosen", lang).length + release.answer(row, "rejected", lang).length,
  }[name];
  if (!value) return rows;
  const values = new Map(rows.map((row) => [row, value(row)]));
  const compare = ["margin", "score", "length"].includes(name) ? (a, b) => a - b : (a, b) => order.compare(a, b);
  return rows.sort((a, b) => sign * compare(values.get(a), values.get(b)) || a - b);
}
