// What was judged: kept in the browser, written as the CSV that `komep review import` reads, and read back from it.
class Sheet {
  constructor(data) {
    Object.assign(this, data);
    this.slot = `komep review ${data.sheet}`;
    this.stored = true; // whether the browser keeps what is written
    this.restore();
    this.saved();
  }

  // What the browser has, which another tab of this page may have written.
  restore() {
    this.answers = {};
    try {
      this.answers = JSON.parse(localStorage.getItem(this.slot)) ?? {};
      localStorage.setItem(this.slot, JSON.stringify(this.answers));
    } catch { this.stored = false; }
    this.reviewer = this.answers.reviewer ?? this.reviewer;
  }

  // A file holds all of it.
  saved() {
    [this.changes, this.dirty] = [0, false];
  }

  of(place) {
    return this.answers[this.pairs[place].row.pair_id] ?? {};
  }

  set(place, name, value) {
    const { pair_id: id } = this.pairs[place].row;
    this.answers[id] = { ...this.answers[id], [name]: value };
    this.keep();
  }

  keep() {
    this.answers.reviewer = this.reviewer;
    this.dirty = true;
    try {
      localStorage.setItem(this.slot, JSON.stringify(this.answers));
      this.stored = true;
    } catch { this.stored = false; } // none, or full
  }

  isDone(place) {
    return Boolean(this.of(place).better);
  }

  // `1:true 3:unsure`, as numbers of statements.
  marks(place, letter) {
    const found = {};
    for (const [, number, word] of (this.of(place)[`${letter}_marks`] ?? "").matchAll(/(\d+):(true|false|unsure)/g)) found[number] = word;
    return found;
  }

  mark(place, letter, number, word) {
    const all = { ...this.marks(place, letter), [number]: word };
    const numbers = Object.keys(all).filter((one) => all[one]).map(Number).sort((a, b) => a - b);
    this.set(place, `${letter}_marks`, numbers.map((one) => `${one}:${all[one]}`).join(" "));
  }

  // Nothing that a spreadsheet takes for a formula, every cell quoted, CRLF, BOM.
  csv() {
    const cell = (text) => `"${(/^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
    const lines = this.pairs.map(({ row }, place) => {
      const whole = { ...row, ...this.of(place), reviewer: this.reviewer };
      return this.columns.map((name) => cell(whole[name] ?? "")).join(",");
    });
    return `\ufeff${[this.columns.map(cell).join(","), ...lines].join("\r\n")}\r\n`;
  }

  // How many pairs a saved CSV gave, or -1 where it is none of this sheet. A filled cell replaces what was written here.
  take(text) {
    const [names = [], ...rows] = readCsv(text);
    const column = (cells, name) => (cells[names.indexOf(name)] ?? "").replace(/^'(?='*[=+\-@\t\r])/, "");
    const known = new Set(this.pairs.map(({ row }) => row.pair_id));
    const own = rows.filter((cells) => column(cells, "sheet") === this.sheet && known.has(column(cells, "pair_id")));
    if (!own.length) return -1;
    let taken = 0;
    for (const cells of own) {
      const filled = this.filled.map((name) => [name, column(cells, name).trim()]).filter(([, value]) => value);
      const id = column(cells, "pair_id");
      if (filled.length) this.answers[id] = { ...this.answers[id], ...Object.fromEntries(filled) };
      taken += filled.length > 0;
    }
    this.reviewer = column(own[0], "reviewer") || this.reviewer;
    this.keep();
    return taken;
  }
}

// Rows of cells; the separator is what stands behind the first name.
function readCsv(text) {
  const rows = [[]];
  const body = text.replace(/^\ufeff/, "").replace(/^"?sep=.\r?\n/, "");
  const separator = /^"?[a-z_]+"?([,;\t])/.exec(body)?.[1] ?? ",";
  const cells = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}\\r\\n]*))(${separator}|\\r\\n|\\r|\\n|$)`, "gy");
  for (let found = cells.exec(body); found && cells.lastIndex <= body.length; found = cells.exec(body)) {
    rows.at(-1).push(found[1]?.replaceAll('""', '"') ?? found[2]);
    if (found[3] !== separator) rows.push([]);
    if (!found[3]) break;
  }
  return rows.filter((row) => row.some(Boolean));
}

// Bytes as text: UTF-8, UTF-16 with its mark, or what Korean Excel saves.
function decoded(bytes) {
  const [first, second] = new Uint8Array(bytes);
  if (first + second === 0xff + 0xfe) return new TextDecoder(first === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
  try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return new TextDecoder("euc-kr").decode(bytes); }
}
